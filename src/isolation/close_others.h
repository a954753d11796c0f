/* SPDX-License-Identifier: Apache-2.0 */
/* For a process that stays behind with few of the descriptors it was born with. */
#ifndef APPSILO_ISOLATION_CLOSE_OTHERS_H
#define APPSILO_ISOLATION_CLOSE_OTHERS_H

#include <stddef.h>

#define CLOSE_OTHERS_MAX 16

/** Close all descriptors above 2 but @n (at most CLOSE_OTHERS_MAX) of @keep; negative ones are ignored. */
void close_others(const int *keep, size_t n);

#endif
