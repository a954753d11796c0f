/* SPDX-License-Identifier: Apache-2.0 */
/* Monotonic and wall time as integers. Thread-safe. */
#ifndef APPSILO_BASE_CLOCK_H
#define APPSILO_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t clock_monotonic_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000;
}

static inline int64_t clock_realtime_ms(void)
{
	return clock_ns(CLOCK_REALTIME) / 1000000;
}

#endif
