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

int pools_init(struct pools *p, const struct pool_config *config, const char *data_dir,
	       struct appsilo_error *err)
{
	pthread_mutex_init(&p->lock, NULL);
	p->config = *config;
	p->config.groups = &p->groups;
	p->data_dir = data_dir;
	p->on = true;
	return cgroup_tree_make(&p->groups, err);
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
	cgroup_tree_done(&p->groups);
	pthread_mutex_destroy(&p->lock);
}

/* With the lock. */
static struct warm_pool *make(struct pools *p, const char *tenant, const char *package,
			      const char *folder)
{
	struct pool_config config = p->config;
	struct appsilo_error err;
	struct warm_pool *one;

	p->crowded = p->n == POOLS_MAX;
	if (p->crowded)
		return NULL;
	one = calloc(1, sizeof(*one));
	if (!one)
		return NULL;
	config.package = package;
	snprintf(one->tenant, sizeof(one->tenant), "%s", tenant);
	snprintf(one->folder, sizeof(one->folder), "%s", folder);
	if (pool_new(&config, &one->pool, &err) < 0) {
		event_note("pool", "%s; runs start cold", err.line);
		free(one);
		return NULL;
	}
	one->next = p->first;
	p->first = one;
	p->n++;
	return one;
}

struct warm_pool *pools_get(struct pools *p, const char *tenant, const char *package)
{
	struct installed_package installed = {0};
	struct warm_pool *one;

	/* A new version is another pool. */
	if (package && installed_find(p->data_dir, package, &installed) < 0)
		return NULL;
	pthread_mutex_lock(&p->lock);
	for (one = p->first; one; one = one->next)
		if (strcmp(one->tenant, tenant) == 0 && strcmp(one->folder, installed.path) == 0)
			break;
	if (!one)
		one = make(p, tenant, package, installed.path);
	if (one)
		one->users++;
	pthread_mutex_unlock(&p->lock);
	return one;
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
	struct warm_pool **longest = NULL, *one;

	for (struct warm_pool **at = &p->first; *at; at = &(*at)->next)
		if ((*at)->users == 0 && now_ms - (*at)->used_ms > idle_ms &&
		    (!longest || (*at)->used_ms < (*longest)->used_ms))
			longest = at;
	if (!longest)
		return NULL;
	one = *longest;
	*longest = one->next;
	p->n--;
	p->crowded = false;
	return one;
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
		struct pool_state state;

		pool_state(one->pool, &state);
		n += state.ready;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}
