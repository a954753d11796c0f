/* SPDX-License-Identifier: Apache-2.0 */
/* Source: Documentation/admin-guide/cgroup-v1/memory.rst, Documentation/admin-guide/cgroup-v2.rst (pids). */
#include "isolation/cgroup.h"

#include "base/fd.h"
#include <stdlib.h>

/* What the kernel still keeps for processes that have gone; more is somebody's files in its cache. */
#define REST_BYTES_MAX (1 << 20)

static int64_t number_in(const struct cgroup_part *part, const char *name)
{
	char text[32];

	return fd_read_file(part->dir_fd, name, text, sizeof(text)) > 0 ? strtoll(text, NULL, 10) : -1;
}

/* A process that is not reaped counts to its end. */
static int clear_pids(const struct cgroup_part *part)
{
	int64_t n = number_in(part, "pids.current");

	if (n != 0)
		return n < 0 ? -EIO : -EBUSY;
	return fd_write_file(part->dir_fd, "pids.max", "max");
}

/* Both limits, the outer one first: the inner must not be above it. */
static int clear_memory(const struct cgroup_part *part)
{
	int64_t rest = number_in(part, "memory.usage_in_bytes");
	int r;

	if (rest < 0 || rest > REST_BYTES_MAX)
		return rest < 0 ? -EIO : -ENOTSUP;
	r = fd_write_file(part->dir_fd, "memory.memsw.limit_in_bytes", "-1");
	if (r == 0 || r == -ENOENT)
		r = fd_write_file(part->dir_fd, "memory.limit_in_bytes", "-1");
	return r == 0 ? fd_write_file(part->dir_fd, "memory.max_usage_in_bytes", "0") : r;
}

int cgroup_clear(const struct cgroup *cg)
{
	const struct cgroup_part *memory = cgroup_part_for(cg, CGROUP_MEMORY), *pids = cgroup_part_for(cg, CGROUP_PIDS);
	struct cgroup_meter meter = CGROUP_METER_NONE;
	struct cgroup_usage usage;
	int r;

	/* In version 2 a peak is for ever, and in neither are the kernel's counts of what it refused. */
	if (cg->version != 1 || cg->what & CGROUP_CPU || !pids)
		return -ENOTSUP;
	r = clear_pids(pids);
	if (r < 0)
		return r;
	cgroup_meter_open(cg, &meter);
	cgroup_meter_read(&meter, &usage);
	cgroup_meter_done(&meter);
	if (usage.oom_kills != 0 || usage.forks_refused != 0)
		return -ENOTSUP;
	return memory ? clear_memory(memory) : 0;
}
