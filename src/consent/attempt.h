/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One access of a profiled run that no rule allowed, and its line in AccessAttemptRecords.csv:
 * what the broker writes, and report and merge read (appsilo-profile(1), FILES). One line a
 * record, whatever a file is called: texts are escaped (base/text.h), then quoted (RFC 4180).
 * Thread-safe: no state.
 */
#ifndef APPSILO_CONSENT_ATTEMPT_H
#define APPSILO_CONSENT_ATTEMPT_H

#include "base/error.h"
#include "consent/types.h"

/* Of a line with its newline: a path three times, each byte of it as \xNN. */
#define ATTEMPT_LINE_MAX (128 * 1024)

enum attempt_kind {
	ATTEMPT_RUN,	 /* that a run began: path is where, command what */
	ATTEMPT_FILE,	 /* path, access, target, exists */
	ATTEMPT_NETWORK, /* host, address, port, protocol */
};

/* Strings are never NULL once it was read: what there is none of is "". Borrowed. */
struct attempt {
	int64_t time_ms; /* realtime */
	const char *run, *family, *app;
	const char *program; /* the executable of @pid */
	pid_t pid;	     /* of the asking thread, as the broker sees it; 0 unknown */
	enum attempt_kind kind;
	const char *operation;
	const char *path;
	enum consent_access access;
	enum consent_target target;
	bool exists;
	const char *host, *address, *protocol;
	uint16_t port; /* 0: any */
	bool allowed;
	const char *source; /* why: "no-rule" or what refused it, as in run records */
	const char *capability; /* that a manifest could declare for it */
	const char *allow;	/* the command that would allow it; a run: the words of `run` */
	const char *stack; /* who asked, as consent/stack_text.h has it */
};

/** The first line of the file, with its newline. */
extern const char attempt_header[];

/** Write the line of @a with its newline and a NUL. NULL texts count as "".
 * Returns its length; -ENOBUFS. */
int attempt_write(const struct attempt *a, char *ret, size_t size) must_check;

/* What attempt_read() needs beside the line's own bytes. */
#define ATTEMPT_TEXTS_EXTRA 64

/**
 * Read a line without its newline.
 * @line   taken apart
 * @texts  where the texts of @ret are put: as many bytes as @line has, and ATTEMPT_TEXTS_EXTRA
 * Returns 0; -EINVAL with the line, which names the column.
 */
int attempt_read(char *line, char *texts, struct attempt *ret, struct appsilo_error *err) must_check;

/** Does it make, remove or move a name, so that the folder has to be writable? */
bool attempt_is_naming(const struct attempt *a);

#endif
