/* SPDX-License-Identifier: Apache-2.0 */
/* One decision of an audit file or run record: is it wanted, and how is it shown? */
#ifndef APPSILO_CLI_LOG_LINE_H
#define APPSILO_CLI_LOG_LINE_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

/* NULL or 0: any. Borrowed. */
struct log_filter {
	const char *family;
	const char *path;     /* at or below it */
	const char *kind;     /* file, network, network-total, server-mode */
	const char *decision; /* allow, deny */
	int64_t since_ms;
};

/**
 * Write @line to @out if the filter wants it: a line of text, or with @json the object. What is no
 * record of ours is shown as damaged, unless it is filtered for something.
 * @line  @length bytes without the newline, NUL-terminated
 * Returns whether it was written.
 */
bool log_line_show(const char *line, size_t length, const struct log_filter *filter, bool json, FILE *out);

#endif
