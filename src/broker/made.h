/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are made for the app. A caller that is interrupted by a signal before it has heard of its call
 * makes it once more, as the kernel has it; what was made, or is being made, is not made twice, for then a
 * mkdir() that was made would say EEXIST.
 */
#ifndef APPSILO_BROKER_MADE_H
#define APPSILO_BROKER_MADE_H

#include "base/error.h"
#include "broker/perform.h"
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>

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
	pid_t pid;     /* of the thread */
	uint64_t hash; /* of the call: what its arguments say, not where they stand */
	int result;
	int64_t until_ms;
};

struct made {
	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t ended;
	struct made_call calls[MADE_MAX];
	size_t n; /* that are not free */
};

/** What two calls that are the same have in common. */
uint64_t made_hash(const struct perform_call *call);

/** Is or was any call made, that is not forgotten? Cheap: mostly none is. */
bool made_any(struct made *m);

/** Is a call of this thread being made? */
bool made_is_running(struct made *m, pid_t pid);

/** Wait until no call of this thread is being made. It was told EINTR, and what it does next comes after. */
void made_wait(struct made *m, pid_t pid);

/** Was this same call made, a moment ago, or is it being made? */
bool made_knows(struct made *m, pid_t pid, uint64_t hash);

/**
 * Begin a call. Waits for what is being made for the same thread.
 * @ret_result  of the same call, if it was made
 * Returns for made_end(): a number; -EALREADY - number when it was made; -EBUSY when there are too many,
 * and nothing is remembered of this one.
 */
int made_begin(struct made *m, pid_t pid, uint64_t hash, int *ret_result) must_check;

/** @number of made_begin(), or negative. @told: has the caller got @result, or is it an error? Then it is forgotten. */
void made_end(struct made *m, int number, int result, bool told);

#endif
