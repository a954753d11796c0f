/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The call stack of a thread of the app that waits for us, read by appsilo-stacks (stacks/wire.h).
 * We open what is to be read, which only we may, and look at none of it: what comes back is
 * believed only if it is written as a stack is. Not thread-safe.
 */
#ifndef APPSILO_BROKER_STACKS_H
#define APPSILO_BROKER_STACKS_H

#include "consent/stack_text.h"
#include <stdbool.h>
#include <sys/types.h>

/* So often too late in one run, and nothing is asked any more: a hostile app must not make itself slow
 * to watch. */
#define STACKS_LATE_MAX 4

struct stacks {
	int fd;	       /* to appsilo-stacks; owned; -EBADF: no stacks */
	uid_t app_uid;
	unsigned int late;
};

/** The stack of thread @id, as we see it. Returns false where there is none. */
bool stacks_read(struct stacks *stacks, pid_t id, char ret[STACK_TEXT_MAX]);

#endif
