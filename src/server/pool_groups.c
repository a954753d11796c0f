/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's control groups: each sandbox has a leaf of its own from its first moment. */
#include "base/clock.h"
#include "server/pool_internal.h"
#include <sched.h>
#include <signal.h>

/* A sandbox that was killed takes about so long to go. */
#define DYING_MS 20
#define AGAIN_MS 50
/* How often the time of a run that may have used it up is looked at. */
#define LOOK_MS 10

void pool_groups_bury(struct pool *pool, const struct pool_sandbox *s)
{
	struct pool_grave *more;

	if (!s->grouped)
		return;
	if (pool->n_graves == pool->graves_capacity) {
		more = reallocarray(pool->graves, pool->n_graves * 2 + 16, sizeof(*more));
		if (!more)
			return; /* it goes with the groups' keeper */
		pool->graves = more;
		pool->graves_capacity = pool->n_graves * 2 + 16;
	}
	pool->graves[pool->n_graves++] = (struct pool_grave){s->leaf, s->init_pidfd >= 0, clock_monotonic_ms() + DYING_MS};
}

void pool_groups_remove(struct pool *pool, int64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < pool->n_graves; i++) {
		struct pool_grave *g = &pool->graves[i];
		bool due = now_ms >= g->due_ms;

		if (due && cgroup_leaf_give_back(pool->config.groups, g->leaf, g->entered) != -EBUSY)
			continue;
		if (due)
			g->due_ms = now_ms + DYING_MS;
		pool->graves[kept++] = *g;
	}
	pool->n_graves = kept;
	if (kept)
		pool_tick_at(pool, now_ms + AGAIN_MS);
}

int pool_groups_limit(const struct pool_sandbox *s, const struct pool_limits *limits,
		      struct appsilo_error *err)
{
	/* Its init is one of them. */
	const struct cgroup_limits l = {.memory_bytes = limits->memory_bytes,
					.pids = limits->pids ? limits->pids + 1 : 0};

	return s->grouped ? cgroup_leaf_limit(s->pool->config.groups, s->leaf, &l, err) : 0;
}

static unsigned int held(const struct pool_sandbox *s)
{
	return s->grouped ? s->pool->config.groups->group.what : 0;
}

int pool_groups_note_base(struct pool_sandbox *s)
{
	if (s->grouped)
		s->cpu_base_us = cgroup_leaf_cpu_us(s->pool->config.groups, s->leaf);
	return s->cpu_base_us < 0 && held(s) & CGROUP_CPU_TIME ? -EIO : 0;
}

void pool_groups_relieve(const struct pool_sandbox *s, struct zygote_spec *spec)
{
	unsigned int what = held(s);

	if (what & CGROUP_MEMORY)
		spec->memory_bytes = 0;
	if (what & CGROUP_PIDS)
		spec->pids = 0;
	if (what & CGROUP_CPU_TIME)
		spec->cpu_time_ms = 0;
}

static int64_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : CPU_COUNT(&set);
}

/* When all of it may be used up at the earliest: all processors have worked for it. */
static int64_t next_look_ms(int64_t now_ms, int64_t left_ms)
{
	int64_t wait_ms = left_ms / processors();

	return now_ms + (wait_ms > LOOK_MS ? wait_ms : LOOK_MS);
}

void pool_groups_start(struct pool_sandbox *s, int64_t now_ms)
{
	if (s->cpu_limit_ms && s->cpu_limit_ms < INT64_MAX / 2 && held(s) & CGROUP_CPU_TIME)
		s->look_at_ms = next_look_ms(now_ms, (int64_t)s->cpu_limit_ms);
}

bool pool_groups_cpu_over(struct pool_sandbox *s, int64_t now_ms)
{
	int64_t left_ms, used_us;

	if (now_ms < s->look_at_ms)
		return false;
	used_us = cgroup_leaf_cpu_us(s->pool->config.groups, s->leaf);
	left_ms = used_us < 0 ? 0 : (int64_t)s->cpu_limit_ms - (used_us - s->cpu_base_us) / 1000;
	s->look_at_ms = next_look_ms(now_ms, left_ms);
	return used_us >= 0 && left_ms <= 0;
}

void pool_groups_usage(const struct pool_sandbox *s, struct cgroup_usage *ret)
{
	*ret = (struct cgroup_usage){-1, -1, -1, -1};
	if (s->grouped)
		cgroup_leaf_usage(s->pool->config.groups, s->leaf, ret);
}

void pool_groups_account(const struct pool_sandbox *s, const struct cgroup_usage *usage,
			 struct pool_result *ret)
{
	if (usage->cpu_us >= s->cpu_base_us)
		ret->cpu_ms = (usage->cpu_us - s->cpu_base_us) / 1000;
	/* Pages that it shares with its zygote are not in the group's account. */
	if (usage->peak_bytes > ret->memory_bytes)
		ret->memory_bytes = usage->peak_bytes;
	if (ret->exit_code == 0 || ret->reason == POOL_TIMEOUT || ret->reason == POOL_KILLED)
		return;
	if (usage->oom_kills > 0) {
		/* Init's memory is the program's: they go together, and nobody reports. */
		if (ret->reason == POOL_FAILED) {
			ret->signal = SIGKILL;
			ret->exit_code = 128 + SIGKILL;
		}
		ret->reason = POOL_OOM;
	} else if (usage->forks_refused > 0 && ret->reason != POOL_FAILED) {
		ret->reason = POOL_PIDS;
	}
}
