/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/cgroup.h"

#include <fcntl.h>
#include <string.h>

enum {
	METER_CPU,
	METER_PEAK,
	METER_OOM,
	METER_PIDS,
};

static const struct {
	unsigned int what;
	const char *name[2]; /* in version 1 and 2 */
} files[CGROUP_METER_FDS] = {
	[METER_CPU] = {CGROUP_CPU_TIME, {"cpuacct.usage", "cpu.stat"}},
	[METER_PEAK] = {CGROUP_MEMORY, {"memory.max_usage_in_bytes", "memory.peak"}},
	[METER_OOM] = {CGROUP_MEMORY, {"memory.oom_control", "memory.events"}},
	[METER_PIDS] = {CGROUP_PIDS, {"pids.events", "pids.events"}},
};

static void open_files(const struct cgroup *cg, bool forgets, struct cgroup_meter *ret)
{
	*ret = CGROUP_METER_NONE;
	for (size_t i = 0; i < cg->n; i++)
		for (size_t f = 0; f < CGROUP_METER_FDS; f++) {
			const char *name = files[f].name[cg->version == 2];

			if (!(cg->parts[i].what & files[f].what))
				continue;
			if (forgets && f == METER_PEAK)
				ret->fds[f] = openat(cg->parts[i].dir_fd, name, O_RDWR | O_CLOEXEC);
			if (ret->fds[f] < 0)
				ret->fds[f] = openat(cg->parts[i].dir_fd, name, O_RDONLY | O_CLOEXEC);
		}
}

void cgroup_meter_open(const struct cgroup *cg, struct cgroup_meter *ret)
{
	open_files(cg, false, ret);
}

bool cgroup_meter_find(pid_t pid, struct cgroup_meter *ret)
{
	struct cgroup_place places[CGROUP_PARTS_MAX];
	struct cgroup cg = {0};
	size_t n = cgroup_find_member(pid, places, &cg.version);

	for (size_t i = 0; i < n; i++) {
		int fd = open(places[i].parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			cg.parts[cg.n++] = (struct cgroup_part){
				.what = places[i].what, .parent_fd = -EBADF, .dir_fd = fd};
	}
	open_files(&cg, true, ret);
	cgroup_done(&cg);
	if (ret->fds[METER_CPU] >= 0)
		return true;
	cgroup_meter_done(ret);
	return false;
}

void cgroup_meter_forget_peak(const struct cgroup_meter *meter)
{
	(void)!pwrite(meter->fds[METER_PEAK], "0", 1, 0);
}

/* The number after @key at the start of a line, or the whole of a file that is one number. */
static int64_t read_number(int fd, const char *key)
{
	char text[4096];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	size_t length = strlen(key);

	if (n <= 0)
		return -1;
	text[n] = '\0';
	if (text[0] >= '0' && text[0] <= '9')
		return strtoll(text, NULL, 10);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return strtoll(line + length, NULL, 10);
		if (!*line)
			break;
	}
	return -1;
}

int64_t cgroup_meter_cpu_us(const struct cgroup_meter *meter)
{
	int64_t used = read_number(meter->fds[METER_CPU], "usage_usec");
	char first;

	/* Version 1 has nanoseconds, and nothing but the number. */
	if (used > 0 && pread(meter->fds[METER_CPU], &first, 1, 0) == 1 && first <= '9')
		used /= 1000;
	return used;
}

void cgroup_meter_read(const struct cgroup_meter *meter, struct cgroup_usage *ret)
{
	ret->cpu_us = cgroup_meter_cpu_us(meter);
	ret->peak_bytes = read_number(meter->fds[METER_PEAK], "");
	ret->oom_kills = read_number(meter->fds[METER_OOM], "oom_kill");
	ret->forks_refused = read_number(meter->fds[METER_PIDS], "max");
}

void cgroup_meter_done(struct cgroup_meter *meter)
{
	for (size_t i = 0; i < CGROUP_METER_FDS; i++)
		close_keep_errno(TAKE_FD(meter->fds[i]));
}
