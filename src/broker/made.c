/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/made.h"

#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

static void forget(struct made_call *call)
{
	free(call->paths[0]);
	free(call->paths[1]);
	*call = (struct made_call){0};
}

static bool is_same(const struct made_call *call, const struct seccomp_notif *notif, const struct caller_place places[2])
{
	if (call->data.nr != notif->data.nr || memcmp(call->data.args, notif->data.args, sizeof(call->data.args)) != 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (!places[i].path != !call->paths[i] ||
		    (call->paths[i] && strcmp(call->paths[i], places[i].path) != 0))
			return false;
	return true;
}

/* What this thread's call is the repetition of; what it is not is over. Under the lock. */
static struct made_call *find(struct made *m, const struct seccomp_notif *notif, const struct caller_place places[2])
{
	struct made_call *found = NULL;
	int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < MADE_MAX; i++) {
		struct made_call *call = &m->calls[i];

		if (call->state == MADE_DONE && call->until_ms <= now_ms)
			forget(call);
		if (call->state == MADE_FREE || call->pid != (pid_t)notif->pid)
			continue;
		if (is_same(call, notif, places))
			found = call;
		else if (call->state == MADE_DONE)
			forget(call);
	}
	return found;
}

static int add(struct made *m, const struct seccomp_notif *notif, const struct caller_place places[2])
{
	for (int number = 0; number < MADE_MAX; number++) {
		struct made_call *call = &m->calls[number];

		if (call->state != MADE_FREE)
			continue;
		*call = (struct made_call){.state = MADE_RUNNING, .pid = (pid_t)notif->pid, .data = notif->data};
		for (int i = 0; i < 2; i++)
			call->paths[i] = places[i].path ? strdup(places[i].path) : NULL;
		return number;
	}
	return -EBUSY;
}

int made_begin(struct made *m, const struct seccomp_notif *notif, const struct caller_place places[2],
	       int *ret_result)
{
	struct made_call *call;
	int r;

	pthread_mutex_lock(&m->lock);
	for (call = find(m, notif, places); call && call->state == MADE_RUNNING; call = find(m, notif, places))
		pthread_cond_wait(&m->ended, &m->lock);
	if (call) {
		call->state = MADE_RUNNING;
		*ret_result = call->result;
		r = -EALREADY - (int)(call - m->calls);
	} else {
		r = add(m, notif, places);
	}
	pthread_mutex_unlock(&m->lock);
	return r;
}

void made_end(struct made *m, int number, int result, bool told)
{
	struct made_call *call;

	if (number < 0)
		return;
	call = &m->calls[number];
	pthread_mutex_lock(&m->lock);
	if (told) {
		forget(call);
	} else {
		call->state = MADE_DONE;
		call->result = result;
		call->until_ms = clock_monotonic_ms() + MADE_MS;
	}
	pthread_cond_broadcast(&m->ended);
	pthread_mutex_unlock(&m->lock);
}
