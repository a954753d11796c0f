/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a run, by the best means this host has: a cgroup for the whole sandbox, else
 * what can be set of each process, with one warning. Costs nothing where no such limit is asked
 * for. Used by whoever launches init: the front, or the builder of a prompting run.
 */
#ifndef APPSILO_CLI_RUN_LIMITS_H
#define APPSILO_CLI_RUN_LIMITS_H

#include "cli/prepare.h"
#include "isolation/cgroup.h"

struct limits {
	struct cgroup cgroup;
	struct cgroup_keeper keeper;
	struct cgroup_meter meter;
};
#define LIMITS_NONE ((struct limits){.keeper = CGROUP_KEEPER_NONE, .meter = CGROUP_METER_NONE})

/**
 * Before init is launched: make the group, and pipes where output is counted, and tell the plan
 * of them; what the group holds the plan then does not limit itself.
 * Returns 0; -errno with the line when a limit that can be had is refused.
 */
int limits_start(struct prepared *p, struct limits *ret, struct appsilo_error *err) must_check;

/** After init has been launched: close what is for it alone. */
void limits_launched(struct prepared *p);

/** Once nothing runs any more: the group is gone when this returns. */
void limits_end(struct limits *limits);
static inline void limits_endp(struct limits *limits)
{
	limits_end(limits);
}

#endif
