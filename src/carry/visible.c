/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/visible.h"

#include "base/clock.h"
#include "carry/caller.h"
#include <errno.h>

/* A set that is about to be made is not there to be found yet. */
#define SET_SETTLED_MS 1000

void visible_init(struct visible *v)
{
	*v = (struct visible){.set_made_ms = -SET_SETTLED_MS};
}

void visible_set_made(struct visible *v)
{
	v->set_made_ms = clock_monotonic_ms();
}

static int look_in_sets(const struct visible *v, const struct call *call)
{
	int r = v->n < 0 ? v->n : 0;

	for (int i = 0; r == 0 && i < v->n; i++)
		r = caller_is_watched(call->tid, call->fd, v->fds[i]);
	return r;
}

static bool is_watched(struct visible *v, const struct call *call)
{
	int r = -ESTALE;

	if (v->tid == call->tid && v->found_ms > v->set_made_ms + SET_SETTLED_MS)
		r = look_in_sets(v, call);
	if (r < 0) {
		v->tid = call->tid;
		v->found_ms = clock_monotonic_ms();
		v->n = caller_find_epolls(call->tid, v->fds);
		r = look_in_sets(v, call);
	}
	return r != 0;
}

bool visible_change(struct visible *v, const struct call *call)
{
	return call->bound || is_watched(v, call) || caller_has_twin(call->tid, call->fd);
}
