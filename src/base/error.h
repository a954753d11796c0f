/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of error text beside a negative errno: what failed, on which path or setting,
 * what to do. Storage is the caller's, fixed, and never allocated. Thread-safe per object.
 */
#ifndef APPSILO_BASE_ERROR_H
#define APPSILO_BASE_ERROR_H

#include "base/cleanup.h"

#define ERROR_LINE_MAX 1024

struct appsilo_error {
	int code; /* negative errno, 0 when unset */
	char line[ERROR_LINE_MAX];
};

/**
 * Fill @err with a formatted line and the text of errno @code.
 * @err   may be NULL
 * @code  negative errno; 0 or positive means the line stands alone and -EINVAL is returned
 * Returns @code (or -EINVAL).
 */
int error_set(struct appsilo_error *err, int code, const char *format, ...) printf_like(3, 4);

/** As error_set(), but the line stands alone: no errno text is added. Returns @code. */
int error_say(struct appsilo_error *err, int code, const char *format, ...) printf_like(3, 4);

/**
 * For failures that tell of the host and not of a file (a call that the kernel lacks or a
 * container forbids): add what finds out more. Lines that already say so stay as they are.
 */
void error_advise_doctor(struct appsilo_error *err);

/** Put "@format: " before the line already in @err. Returns the code in @err. */
int error_prefix(struct appsilo_error *err, const char *format, ...) printf_like(2, 3);

#endif
