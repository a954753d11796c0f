/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads that answer each other on one processor hand over without waking another:
 * on a virtual machine that is most of a round trip. Thread-safe: acts on the caller only.
 */
#ifndef APPSILO_BASE_PIN_H
#define APPSILO_BASE_PIN_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

struct pin {
	bool active;
	cpu_set_t before;
};

/** Keep the calling thread on processor @cpu; -1, or where that is not allowed: no effect. */
static inline void pin_to(struct pin *pin, int cpu)
{
	cpu_set_t one;

	pin->active = false;
	if (cpu < 0 || cpu >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(pin->before), &pin->before) < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pin->active = sched_setaffinity(0, sizeof(one), &one) == 0;
}

/**
 * Move process @pid, just made, from our processor to another of @allowed: the kernel leaves it on
 * its parent's, where it would wait until that waits. It takes @allowed back by itself.
 */
static inline void pin_elsewhere(pid_t pid, const cpu_set_t *allowed)
{
	cpu_set_t others = *allowed;

	CPU_CLR(sched_getcpu(), &others);
	if (CPU_COUNT(&others) > 0)
		(void)sched_setaffinity(pid, sizeof(others), &others);
}

static inline void pin_release(struct pin *pin)
{
	/* What was allowed a moment ago is allowed again. */
	if (pin->active)
		(void)sched_setaffinity(0, sizeof(pin->before), &pin->before);
	pin->active = false;
}

#endif
