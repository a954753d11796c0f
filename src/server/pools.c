/* SPDX-License-Identifier: Apache-2.0 */
#include "server/pools.h"

#include "base/clock.h"
#include "package/installed.h"
#include "server/event_log.h"
#include <string.h>

/* Each has an interpreter that waits. */
#define POOLS_MAX 64
#define IDLE_MS 600000
#define CROWDED_IDLE_MS 1000

void pools_init(struct pools *p, const struct pool_config *config, const char *data_dir)
{
	pthread_mutex_init(&p->lock, NULL);
	p->config = *config;
	p->data_dir = data_dir;
	p->on = true;
}

void pools_done(struct pools *p)
{
	struct warm_pool *one;

	if (!p->on)
		return;
	while ((one = p->first)) {
		p->first = one->next;
		pool_free(one->pool);
		free(one);
	}
	pthread_mutex_destroy(&p->lock);
}

static struct warm_pool *find(struct pools *p, const char *tenant, const char *folder)
{
	struct warm_pool *one = p->first;

	while (one && (strcmp(one->tenant, tenant) != 0 || strcmp(one->folder, folder) != 0))
		one = one->next;
	return one;
}

/* With the lock: its place in the list, in use, without a pool yet. */
static struct warm_pool *reserve(struct pools *p, const char *tenant, const char *folder)
{
	struct warm_pool *one;

	p->crowded = p->n == POOLS_MAX;
	if (p->crowded)
		return NULL;
	one = calloc(1, sizeof(*one));
	if (!one)
		return NULL;
	snprintf(one->tenant, sizeof(one->tenant), "%s", tenant);
	snprintf(one->folder, sizeof(one->folder), "%s", folder);
	one->next = p->first;
	p->first = one;
	p->n++;
	return one;
}

/* With the lock. */
static void unlist(struct pools *p, struct warm_pool *one)
{
	struct warm_pool **at = &p->first;

	while (*at != one)
		at = &(*at)->next;
	*at = one->next;
	p->n--;
}

/* Without the lock: runs of other tenants do not wait for it, those of this one start cold. */
static struct warm_pool *fill(struct pools *p, struct warm_pool *one, const char *package)
{
	struct pool_config config = p->config;
	struct appsilo_error err;
	struct pool *pool = NULL;
	int r;

	config.package = package;
	r = pool_new(&config, &pool, &err);
	pthread_mutex_lock(&p->lock);
	one->pool = pool;
	if (r < 0)
		unlist(p, one);
	pthread_mutex_unlock(&p->lock);
	if (r == 0)
		return one;
	event_note("pool", "%s; runs start cold", err.line);
	free(one);
	return NULL;
}

struct warm_pool *pools_get(struct pools *p, const char *tenant, const char *package)
{
	struct installed_package installed = {0};
	struct warm_pool *one;
	bool is_new;

	/* A new version is another pool. */
	if (package && installed_find(p->data_dir, package, &installed) < 0)
		return NULL;
	pthread_mutex_lock(&p->lock);
	one = find(p, tenant, installed.path);
	is_new = !one;
	if (is_new)
		one = reserve(p, tenant, installed.path);
	else if (!one->pool)
		one = NULL;
	if (one)
		one->users++;
	pthread_mutex_unlock(&p->lock);
	return one && is_new ? fill(p, one, package) : one;
}

void pools_let_go(struct pools *p, struct warm_pool *one)
{
	if (!one)
		return;
	pthread_mutex_lock(&p->lock);
	one->users--;
	one->used_ms = clock_monotonic_ms();
	pthread_mutex_unlock(&p->lock);
}

bool pools_fails(struct pools *p, struct warm_pool *one)
{
	struct pool_state state;
	bool news;

	pool_state(one->pool, &state);
	pthread_mutex_lock(&p->lock);
	news = strcmp(state.error, one->said) != 0;
	memcpy(one->said, state.error, sizeof(one->said));
	pthread_mutex_unlock(&p->lock);
	if (news && state.error[0])
		event_note("pool", "%s; runs of %s start cold", state.error, one->tenant);
	return state.error[0];
}

/* With the lock: out of the list. */
static struct warm_pool *take_idle(struct pools *p)
{
	int64_t idle_ms = p->crowded ? CROWDED_IDLE_MS : IDLE_MS, now_ms = clock_monotonic_ms();
	struct warm_pool *longest = NULL;

	for (struct warm_pool *one = p->first; one; one = one->next)
		if (one->users == 0 && now_ms - one->used_ms > idle_ms &&
		    (!longest || one->used_ms < longest->used_ms))
			longest = one;
	if (!longest)
		return NULL;
	unlist(p, longest);
	p->crowded = false;
	return longest;
}

void pools_expire(struct pools *p)
{
	struct warm_pool *one;

	if (!p->on)
		return;
	pthread_mutex_lock(&p->lock);
	one = take_idle(p);
	pthread_mutex_unlock(&p->lock);
	if (!one)
		return;
	pool_free(one->pool);
	free(one);
}

unsigned long long pools_waiting(struct pools *p)
{
	unsigned long long n = 0;

	if (!p->on)
		return 0;
	pthread_mutex_lock(&p->lock);
	for (struct warm_pool *one = p->first; one; one = one->next) {
		struct pool_state state = {0};

		if (one->pool)
			pool_state(one->pool, &state);
		n += state.ready;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}
