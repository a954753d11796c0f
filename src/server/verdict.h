/* SPDX-License-Identifier: Apache-2.0 */
/* What a judge says of one case. */
#ifndef APPSILO_SERVER_VERDICT_H
#define APPSILO_SERVER_VERDICT_H

#include "server/run.h"

/** The word for a program that did not end well; NULL: it exited with 0. */
const char *verdict_of_result(const struct sandbox_result *r);

/**
 * Are two outputs the same for a judge: equal but for white space at the ends of lines and
 * empty lines at the end?
 */
bool verdict_same(const char *a, size_t a_size, const char *b, size_t b_size);

#endif
