/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are made for the app. A caller that is interrupted by a signal before it has heard of its call
 * makes it once more, as the kernel has it; what was made, or is being made, is not made twice, for then a
 * mkdir() that was made would say EEXIST.
 */
#ifndef APPSILO_BROKER_MADE_H
#define APPSILO_BROKER_MADE_H

#include "base/error.h"
#include "broker/caller.h"
#include <limits.h>
#include <pthread.h>

#define MADE_MAX 64
/* How long a caller may take to come back. */
#define MADE_MS 1000
/* Of an open(): the file is there now, the caller has no descriptor. */
#define MADE_OPENED INT_MIN

enum made_state {
	MADE_FREE,
	MADE_RUNNING,
	MADE_DONE,
};

struct made_call {
	enum made_state state;
	pid_t pid; /* of the thread */
	struct seccomp_data data;
	char *paths[2]; /* owned */
	int result;
	int64_t until_ms;
};

struct made {
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t ended;
	struct made_call calls[MADE_MAX];
};

/**
 * Begin a call. Waits for the same call of the same thread, if that is being made.
 * @ret_result  of that, if it was made
 * Returns for made_end(): a number; -EALREADY - number when it was made; -EBUSY when there are too many,
 * and nothing is remembered of this one.
 */
int made_begin(struct made *m, const struct seccomp_notif *notif, const struct caller_place places[2],
	       int *ret_result) must_check;

/** @number of made_begin(), or negative. @told: has the caller got @result, or is it an error? Then it is forgotten. */
void made_end(struct made *m, int number, int result, bool told);

#endif
