/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch record of an installed package: what the front needs to start it, as lines of
 * text, so that a start reads no XML. Written once by install, below RECORD_DIR in the
 * package's own directory. Plain C without libraries. docs/ARCHITECTURE.md, Packages.
 */
#ifndef APPSILO_PACKAGE_RECORD_H
#define APPSILO_PACKAGE_RECORD_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define RECORD_DIR ".appsilo" /* no package may hold this name */
#define RECORD_FILE RECORD_DIR "/launch"
#define RECORD_SIZE_MAX (256 * 1024) /* bytes */
#define RECORD_LINES_MAX 1024

struct record_line {
	const char *key;
	const char *value; /* never NULL */
	const char *more;  /* what follows the first tab of the value, or "" */
};

struct record {
	char *text; /* owned; the lines point into it */
	struct record_line lines[RECORD_LINES_MAX];
	size_t n;
};

/**
 * Read the record of the package whose directory is @dir_fd.
 * Returns 0 and a record for record_done(); -ENOENT when there is none; -EPERM when somebody
 * else could have written it; -EBADMSG when damaged; the line names @dir.
 */
int record_read(int dir_fd, const char *dir, struct record *ret, struct appsilo_error *err) must_check;

/**
 * Cut record->text, @size bytes and a NUL, into lines; it is changed.
 * Returns 0; -EBADMSG.
 */
int record_parse(struct record *record, size_t size) must_check;

/** First value of @key, or NULL. */
const char *record_get(const struct record *record, const char *key);
/** The line with @key and @value, or NULL. */
const struct record_line *record_find(const struct record *record, const char *key,
				      const char *value);

/** Append "key TAB value [TAB more]" to @text. @more may be NULL. Returns 0; -ENOBUFS when it
 * does not fit; -EINVAL when a field holds a tab or newline. */
int record_append(char *text, size_t size, const char *key, const char *value,
		  const char *more) must_check;

void record_done(struct record *record);

#endif
