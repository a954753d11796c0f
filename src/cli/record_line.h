/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a run record or an audit file, read. The file is the user's, and may have been cut
 * by a full disk or changed: nothing in it is taken for granted. */
#ifndef APPSILO_CLI_RECORD_LINE_H
#define APPSILO_CLI_RECORD_LINE_H

#include "base/cleanup.h"
#include <jansson.h>
#include <stdbool.h>

/* Any field, escaped: each byte may become four. */
#define RECORD_SHOWN_MAX 65536

struct record_line {
	json_t *object; /* owned; NULL: damaged */
	char *buffer;	/* owned; RECORD_SHOWN_MAX bytes */
	bool hidden;	/* U+F8NN are bytes in this line */
};

/** Read @line of @length bytes, NUL-terminated. Returns false: it is no record of ours, or there
 * is no memory. Release with record_line_done() in either case. */
bool record_line_parse(const char *line, size_t length, struct record_line *ret);
void record_line_done(struct record_line *r);

/** A member of @object, which is the line's or in it, for people: in the buffer, until the next. */
const char *record_line_shown(const struct record_line *r, const json_t *object, const char *key);

/** The same as the bytes it was; owned by the caller; NULL where there is no such text. */
char *record_line_bytes(const struct record_line *r, const json_t *object, const char *key);

/** What is shown of a line that is none, escaped: a line of text, or one JSON object. */
void record_line_damaged(const char *line, bool json, FILE *out);

#endif
