/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of a program in a sandbox, as the server sees it: start, feed and read, wait,
 * and how it ended. Who makes the sandbox is behind a table: sandbox_cold.c starts `appsilo
 * run` for each; sandbox_warm.c takes one that waits. A table's functions may be called by
 * several threads at once; one handle belongs to one thread, kill apart.
 */
#ifndef APPSILO_SERVER_SANDBOX_H
#define APPSILO_SERVER_SANDBOX_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SANDBOX_MEMORY_MIN (8u << 20) /* with less no interpreter starts */

/* Zero means not limited. */
struct sandbox_limits {
	uint64_t wall_ms, cpu_ms, memory_bytes, pids, disk_bytes, file_bytes;
	uint64_t output_bytes; /* of stdout and stderr together: whoever reads them counts */
};

struct request_file; /* request.h */

/* All borrowed until start() returns. */
struct sandbox_spec {
	const char *tenant;	 /* whose run it is: nothing warm is shared between tenants */
	const char *package;	 /* family name of an installed package; NULL: the system's programs */
	const char *const *argv; /* NULL-terminated; the first word is a name or an absolute path */
	const char *const *env;	 /* NAME=VALUE, NULL-terminated; NULL: none */
	const char *data_dir;	 /* absolute; for this run alone: profile and all that is kept */
	const char *work_dir;	 /* absolute; current directory, may be written */
	const char *read_dir;	 /* absolute; may be read; NULL: none */
	const char *net;	 /* as for appsilo run --net */
	const char *const *hosts; /* as for --allow-host, NULL-terminated; NULL: none */
	const struct request_file *files; /* that are in no folder yet: of a warm sandbox */
	size_t n_files;
	struct sandbox_limits limits;
};

enum sandbox_reason {
	SANDBOX_FAILED, /* the program never ran; text says why */
	SANDBOX_EXITED,
	SANDBOX_SIGNALED,
	SANDBOX_TIMEOUT,
	SANDBOX_OOM,
	SANDBOX_OUTPUT_LIMIT,
	SANDBOX_PIDS,
	SANDBOX_DENIED,
	SANDBOX_CANCELLED,
};

struct sandbox_result {
	enum sandbox_reason reason;
	int exit_code; /* of appsilo run: 124 time limit, 125 failed, 126, 127, 128+N */
	int signal;    /* 0: none */
	int64_t wall_ms, cpu_ms, memory_bytes;
	char text[ERROR_LINE_MAX]; /* of SANDBOX_FAILED */
	char family[128];	   /* whose run it was; empty: not known */
};

/* A backend puts this at the head of its own struct. */
struct sandbox {
	int stdin_fd, stdout_fd, stderr_fd; /* ours, non-blocking; owned: close stdin to end it */
	int end_fd;			    /* readable once nothing of the run lives; owned */
	pid_t pid; /* whose children it is, until end(); 0: not known */
};

struct sandbox_backend {
	/** Start one run. Returns 0; -errno with the line. */
	int (*start)(void *data, const struct sandbox_spec *spec, struct sandbox **ret,
		     struct appsilo_error *err);
	/** End it now. Any thread, any number of times, until end(). */
	void (*kill)(struct sandbox *s);
	/** After end_fd is readable: how it ended. Closes and frees @s, NULL allowed. */
	void (*end)(struct sandbox *s, struct sandbox_result *ret);
	void *data;
};

/** The word of a reason in results: "exited", "timeout", ... */
const char *sandbox_reason_word(enum sandbox_reason reason);
enum sandbox_reason sandbox_reason_parse(const char *word);

/**
 * The backend that starts @front (the path of `appsilo`) for each run.
 * @packages  folder with the user's packages, for the runs' own data directories
 */
struct sandbox_cold {
	const char *front;    /* borrowed */
	const char *packages; /* borrowed */
};

struct sandbox_backend sandbox_cold_backend(struct sandbox_cold *cold);

#endif
