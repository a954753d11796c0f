/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/made.h"

#include "base/clock.h"

/* FNV-1a: an app that finds two calls with one value harms itself. */
uint64_t made_hash(const struct perform_call *call)
{
	const unsigned char *bytes = (const void *)call;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < sizeof(*call); i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

static void set_count(struct made *m, size_t n)
{
	__atomic_store_n(&m->n, n, __ATOMIC_RELEASE);
}

/* Under the lock. */
static void forget(struct made *m, struct made_call *call)
{
	*call = (struct made_call){0};
	set_count(m, m->n - 1);
}

/* Under the lock. */
static struct made_call *find(struct made *m, pid_t pid, enum made_state state)
{
	for (size_t i = 0; i < MADE_MAX; i++)
		if (m->calls[i].state == state && m->calls[i].pid == pid)
			return &m->calls[i];
	return NULL;
}

static void forget_old(struct made *m)
{
	int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < MADE_MAX; i++)
		if (m->calls[i].state == MADE_DONE && m->calls[i].until_ms <= now_ms)
			forget(m, &m->calls[i]);
}

bool made_any(struct made *m)
{
	return __atomic_load_n(&m->n, __ATOMIC_ACQUIRE) > 0;
}

bool made_is_running(struct made *m, pid_t pid)
{
	bool is;

	if (!made_any(m))
		return false;
	pthread_mutex_lock(&m->lock);
	is = find(m, pid, MADE_RUNNING);
	pthread_mutex_unlock(&m->lock);
	return is;
}

static void wait_for(struct made *m, pid_t pid)
{
	while (find(m, pid, MADE_RUNNING))
		pthread_cond_wait(&m->ended, &m->lock);
}

void made_wait(struct made *m, pid_t pid)
{
	pthread_mutex_lock(&m->lock);
	wait_for(m, pid);
	pthread_mutex_unlock(&m->lock);
}

bool made_knows(struct made *m, pid_t pid, uint64_t hash)
{
	const struct made_call *call;
	bool knows;

	pthread_mutex_lock(&m->lock);
	forget_old(m);
	call = find(m, pid, MADE_DONE);
	knows = call && call->hash == hash;
	pthread_mutex_unlock(&m->lock);
	return knows;
}

static int add(struct made *m, pid_t pid, uint64_t hash)
{
	for (int number = 0; number < MADE_MAX; number++) {
		if (m->calls[number].state != MADE_FREE)
			continue;
		m->calls[number] = (struct made_call){.state = MADE_RUNNING, .pid = pid, .hash = hash};
		set_count(m, m->n + 1);
		return number;
	}
	return -EBUSY;
}

int made_begin(struct made *m, pid_t pid, uint64_t hash, int *ret_result)
{
	struct made_call *call;
	int r;

	pthread_mutex_lock(&m->lock);
	wait_for(m, pid);
	forget_old(m);
	call = find(m, pid, MADE_DONE);
	if (call && call->hash == hash) {
		call->state = MADE_RUNNING;
		*ret_result = call->result;
		r = -EALREADY - (int)(call - m->calls);
	} else {
		if (call) /* the thread has gone on to something else */
			forget(m, call);
		r = add(m, pid, hash);
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
		forget(m, call);
	} else {
		call->state = MADE_DONE;
		call->result = result;
		call->until_ms = clock_monotonic_ms() + MADE_MS;
	}
	pthread_cond_broadcast(&m->ended);
	pthread_mutex_unlock(&m->lock);
}
