/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics for the person who runs appsilo. Level and sink are set in main, once, before
 * threads. Untrusted bytes are escaped by the caller (base/text.h). Thread-safe: one write
 * a line.
 */
#ifndef APPSILO_BASE_LOG_H
#define APPSILO_BASE_LOG_H

#include "base/cleanup.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/** Set the highest level that is printed and the descriptor it goes to (borrowed). */
void log_setup(enum log_level level, int fd);

void log_line(enum log_level level, const char *format, ...) printf_like(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
