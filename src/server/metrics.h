/* SPDX-License-Identifier: Apache-2.0 */
/* Counters for Prometheus (text format 0.0.4). Thread-safe: each is atomic. */
#ifndef APPSILO_SERVER_METRICS_H
#define APPSILO_SERVER_METRICS_H

#include "server/sandbox.h"
#include <stdatomic.h>

#define METRICS_REASONS (SANDBOX_CANCELLED + 1)
#define METRICS_BUCKETS 10

struct metrics {
	atomic_ullong requests[6];		/* by first digit of the status */
	atomic_ullong refused;			/* 429 */
	atomic_ullong runs[METRICS_REASONS];
	atomic_ullong warm;			/* of them: in a sandbox that waited */
	atomic_ullong run_ms;			/* in all */
	atomic_ullong cpu_ms;
	atomic_ullong buckets[METRICS_BUCKETS]; /* runs by wall time, not yet cumulated */
	atomic_ullong body_bytes;		/* of requests being received or worked on, now */
};

void metrics_request(struct metrics *m, unsigned int status);
void metrics_run(struct metrics *m, const struct sandbox_result *r, bool warm);

/* What others count, at the moment of asking. */
struct metrics_now {
	unsigned long long waiting, running, workers, sessions, connections, warm_waiting;
};

/** The page. Owned by the caller; NULL: no memory. */
char *metrics_text(struct metrics *m, const struct metrics_now *now);

#endif
