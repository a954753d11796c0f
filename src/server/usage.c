/* SPDX-License-Identifier: Apache-2.0 */
#include "server/usage.h"

#include "base/dir.h"
#include "base/fd.h"
#include <fcntl.h>
#include <string.h>

#define PROC_BYTES 4096
#define FORGET_PEAK "5" /* as clear_refs takes it, proc_pid_clear_refs(5) */

/* Of who makes and leaves processes faster than they are read, the first. */
#define FAMILY_MAX 8192

/* Processes below one, those above first. */
struct family {
	pid_t *pids; /* owned */
	size_t n;
};

static void family_done(struct family *f)
{
	free(f->pids);
}

static bool add(struct family *f, pid_t pid)
{
	pid_t *bigger = f->n < FAMILY_MAX ? reallocarray(f->pids, f->n + 1, sizeof(*bigger)) : NULL;

	if (!bigger)
		return false;
	f->pids = bigger;
	f->pids[f->n++] = pid;
	return true;
}

/* Each thread has children of its own. */
static int add_children(void *data, int dir_fd, const char *thread, unsigned char type)
{
	char path[64];
	int fd, pid;
	FILE *list;

	(void)type;
	snprintf(path, sizeof(path), "%s/children", thread);
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopen(fd, "r");
	if (!list) {
		close_keep_errno(fd);
		return 0;
	}
	while (fscanf(list, "%d", &pid) == 1 && add(data, pid))
		;
	fclose(list);
	return 0;
}

/* Whoever comes or goes meanwhile may be missed. */
static void find_family(pid_t front, struct family *ret)
{
	char path[64];
	pid_t of = front;

	*ret = (struct family){0};
	for (size_t i = 0; i <= ret->n; of = ret->pids ? ret->pids[i] : 0, i++) {
		snprintf(path, sizeof(path), "/proc/%d/task", (int)of);
		(void)!dir_each(path, add_children, ret);
	}
}

static void look_for_group(struct usage *u)
{
	cleanup(family_done) struct family all;

	find_family(u->front, &all);
	for (size_t i = 0; !u->grouped && i < all.n; i++)
		u->grouped = cgroup_meter_find(all.pids[i], &u->meter);
}

void usage_begin(struct usage *u, pid_t front)
{
	*u = (struct usage){.front = front, .meter = CGROUP_METER_NONE};
}

void usage_done(struct usage *u)
{
	cgroup_meter_done(&u->meter);
	*u = USAGE_NONE;
}

static ssize_t read_fact(pid_t pid, const char *name, char text[PROC_BYTES])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fd_read_file(AT_FDCWD, path, text, PROC_BYTES);
}

/* Its own and that of the children it has waited for. */
static int64_t process_cpu_us(pid_t pid)
{
	unsigned long user, system;
	long children_user, children_system;
	char text[PROC_BYTES];
	const char *rest = read_fact(pid, "stat", text) > 0 ? strrchr(text, ')') : NULL;

	/* The program's name, which may hold anything, is before that. */
	if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &user,
			    &system, &children_user, &children_system) != 4)
		return 0;
	return ((int64_t)(user + system) + children_user + children_system) * 1000000 / sysconf(_SC_CLK_TCK);
}

static int64_t process_peak_bytes(pid_t pid)
{
	char text[PROC_BYTES];
	const char *line = read_fact(pid, "status", text) > 0 ? strstr(text, "\nVmHWM:") : NULL;

	return line ? strtoll(line + strlen("\nVmHWM:"), NULL, 10) * 1024 : 0;
}

int64_t usage_cpu_us(struct usage *u)
{
	cleanup(family_done) struct family all = {0};
	int64_t used = 0;

	if (!u->grouped)
		look_for_group(u);
	if (u->grouped)
		used = cgroup_meter_cpu_us(&u->meter);
	else
		find_family(u->front, &all);
	for (size_t i = 0; i < all.n; i++)
		used += process_cpu_us(all.pids[i]);
	if (used > u->cpu_us)
		u->cpu_us = used;
	return u->cpu_us;
}

int64_t usage_peak_bytes(struct usage *u)
{
	cleanup(family_done) struct family all = {0};
	struct cgroup_usage group = {.peak_bytes = -1};

	if (u->grouped)
		cgroup_meter_read(&u->meter, &group);
	if (group.peak_bytes < 0)
		find_family(u->front, &all);
	for (size_t i = 0; i < all.n; i++) {
		int64_t peak = process_peak_bytes(all.pids[i]);

		if (peak > group.peak_bytes)
			group.peak_bytes = peak;
	}
	return group.peak_bytes < 0 ? 0 : group.peak_bytes;
}

void usage_forget_peak(struct usage *u)
{
	cleanup(family_done) struct family all = {0};
	char path[64];

	if (u->grouped)
		cgroup_meter_forget_peak(&u->meter);
	find_family(u->front, &all);
	for (size_t i = 0; i < all.n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)all.pids[i]);
		(void)!fd_write_file(AT_FDCWD, path, FORGET_PEAK);
	}
}
