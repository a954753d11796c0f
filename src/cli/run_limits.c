/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_limits.h"

#include "base/log.h"
#include <string.h>

/* A limit of pids by rlimit is as good: the kernel counts them by user namespace. */
static void warn(const struct prepared *p, const struct cgroup *cg)
{
	const struct run_options *o = &p->options;
	bool memory = o->memory_bytes && !(cg->what & CGROUP_MEMORY);
	bool time = o->cpu_time_ms && !(cg->what & CGROUP_CPU_TIME);
	bool cpus = o->cpu_milli && !(cg->what & CGROUP_CPU);
	const char *each = memory && time ? "--memory and --time hold for each process by itself"
			   : memory	  ? "--memory holds for each process by itself"
			   : time	  ? "--time holds for each process by itself"
					  : "";

	if (o->quiet || p->again || (!memory && !time && !cpus))
		return;
	log_warning("%s%s%s: no cgroup (%s); see appsilo doctor", each, *each && cpus ? ", " : "",
		    cpus ? "--cpus does not hold" : "",
		    cg->refused ? strerror(-cg->refused) : "not offered here");
}

static int tell_plan(struct prepared *p, const struct cgroup *cg)
{
	if (cg->what & CGROUP_MEMORY)
		p->plan.limits.memory_bytes = 0;
	if (cg->what & CGROUP_PIDS)
		p->plan.limits.pids = 0;
	/* The kernel's clock for the rlimit counts in ticks, and so now and then too much. */
	if (cg->what & CGROUP_CPU_TIME)
		p->plan.limits.cpu_time_ms = 0;
	return cgroup_open_join(cg, p->plan.cgroup_fds);
}

int limits_start(struct prepared *p, struct limits *ret, struct appsilo_error *err)
{
	const struct run_options *o = &p->options;
	struct cgroup_limits wanted = {o->memory_bytes, o->pids, o->cpu_milli};
	int r = o->output_bytes ? output_pipes_make(p->plan.tty, &p->plan.output) : 0;

	if (r < 0)
		return error_set(err, r, "run: --output");
	if (!o->memory_bytes && !o->pids && !o->cpu_milli && !o->cpu_time_ms)
		return 0;
	r = cgroup_obtain(&wanted, o->cpu_time_ms ? CGROUP_CPU_TIME : 0, &ret->cgroup, err);
	if (r < 0)
		return r;
	warn(p, &ret->cgroup);
	if (ret->cgroup.n == 0)
		return 0;
	cgroup_meter_open(&ret->cgroup, &ret->meter);
	r = cgroup_keeper_start(&ret->cgroup, &ret->keeper);
	p->plan.cgroup_keeper_fd = ret->keeper.fd;
	if (r < 0)
		(void)!cgroup_remove(&ret->cgroup, 0); /* empty; if it stays, it is swept */
	else
		r = tell_plan(p, &ret->cgroup);
	return r < 0 ? error_set(err, r, "run: cgroup") : 0;
}

void limits_launched(struct prepared *p)
{
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		close_keep_errno(TAKE_FD(p->plan.cgroup_fds[i]));
	output_pipes_close_app(&p->plan.output);
}

void limits_end(struct limits *limits)
{
	cgroup_keeper_end(&limits->keeper);
	cgroup_meter_done(&limits->meter);
	cgroup_done(&limits->cgroup);
}
