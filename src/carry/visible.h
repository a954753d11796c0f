/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would the app see that it has another socket? Then it keeps its own: one that it has bound, that is in one of its
 * epoll sets, or that it has under another number too. Not thread-safe.
 */
#ifndef APPSILO_CARRY_VISIBLE_H
#define APPSILO_CARRY_VISIBLE_H

#include "carry/call.h"

struct visible {
	int64_t set_made_ms; /* when the last epoll set was */
	/* Which the last caller has; found again when a set may have been made since. */
	pid_t tid;
	int64_t found_ms;
	int n; /* < 0: not to be told apart */
	int fds[CALLER_EPOLLS_MAX];
};

void visible_init(struct visible *visible);

/** An epoll set is about to be made. */
void visible_set_made(struct visible *visible);

/** Would it see that the socket of @call has been replaced? Also where that cannot be found out. */
bool visible_change(struct visible *visible, const struct call *call);

#endif
