/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox that goes on has used so far, looked at from outside: its control group says so, else
 * its processes in /proc. What is used between two looks is the difference. Not thread-safe per object.
 */
#ifndef APPSILO_SERVER_USAGE_H
#define APPSILO_SERVER_USAGE_H

#include "isolation/cgroup.h"
#include <stdbool.h>

struct usage {
	pid_t front; /* whose children are the sandbox; not reaped while this is used */
	bool grouped;
	struct cgroup_meter meter; /* of its group; looked for until there is one */
	int64_t cpu_us;		   /* at the last look */
};

#define USAGE_NONE ((struct usage){.meter = CGROUP_METER_NONE})

void usage_begin(struct usage *u, pid_t front);
void usage_done(struct usage *u);

/** Processor time of all of it, in microseconds; never less than at the last look. */
int64_t usage_cpu_us(struct usage *u);

/** The most memory at once since usage_forget_peak(), in bytes; 0: not known. Where no group says so that of
 * the largest process that lives. */
int64_t usage_peak_bytes(struct usage *u);

/** From now on. Where the kernel cannot forget it, it is that since the beginning. */
void usage_forget_peak(struct usage *u);

#endif
