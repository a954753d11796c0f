/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a run record, for people or as it is. The record is a file of the user's, which
 * may have been cut by a full disk or changed: nothing in it is taken for granted. */
#ifndef APPSILO_CLI_WHY_LINE_H
#define APPSILO_CLI_WHY_LINE_H

#include "base/cleanup.h"
#include <stdbool.h>

/**
 * Write what @line says to @out: lines of text, or with @json one JSON value, always well
 * formed. A line that is no record of ours is shown escaped, as "damaged".
 * @line  @length bytes without the newline, NUL-terminated
 * Returns false for the record of a run in server mode, which is no denial.
 */
bool why_line_show(const char *line, size_t length, bool json, FILE *out);

#endif
