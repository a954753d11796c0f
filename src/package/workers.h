/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that share one lock and one result, and a caller that tells how far they are. */
#ifndef APPSILO_PACKAGE_WORKERS_H
#define APPSILO_PACKAGE_WORKERS_H

#include "package/msix.h"
#include <pthread.h>

struct workers {
	pthread_mutex_t lock; /* guards what follows, and the caller's own shared state */
	pthread_cond_t changed;
	size_t running;
	uint64_t done; /* bytes */
	int result;    /* the first failure; threads end when it is set */
	struct appsilo_error error;
};

/**
 * Run @work(@data) in msix_threads() threads until all have returned.
 * @total  bytes, for options->progress
 * @label  names the work in errors
 * Returns 0; what is in workers->result, with its line.
 */
int workers_run(struct workers *workers, const struct msix_options *options,
		void (*work)(void *data), void *data, uint64_t total, const char *label,
		struct appsilo_error *err) must_check;

#endif
