/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that nobody waits for. */
#ifndef APPSILO_BASE_THREAD_H
#define APPSILO_BASE_THREAD_H

#include <pthread.h>

/** Run @run(@data) in a thread of its own, to its own end. Returns 0; -errno. */
static inline int thread_detached(void *(*run)(void *data), void *data)
{
	pthread_t thread;
	int r = -pthread_create(&thread, NULL, run, data);

	if (r == 0)
		pthread_detach(thread);
	return r;
}

#endif
