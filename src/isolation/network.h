/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's network namespace: empty but for its own loopback. Making one is the
 * largest single cost of a start, and nothing else depends on it, so a thread of init
 * makes it while the root is built. The thread has ended before any fence is raised.
 */
#ifndef APPSILO_ISOLATION_NETWORK_H
#define APPSILO_ISOLATION_NETWORK_H

#include "base/error.h"
#include <pthread.h>

struct network {
	pthread_t thread;
	int ns_fd; /* the result: the namespace, or a negative errno */
	const char *failed_step;
};

/** Start making it. Needs capabilities in the user namespace. Returns 0; -errno. */
int network_start(struct network *network, struct appsilo_error *err) must_check;

/** Wait for it and enter it. Returns 0; -errno. */
int network_enter(struct network *network, struct appsilo_error *err) must_check;

#endif
