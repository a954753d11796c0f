/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/cgroup.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/fd.h"
#include "isolation/kernel.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define NAME_TRIES 8
#define KILL_PATIENCE_MS 10000
#define PIDS_LIMIT_MAX 4194304	  /* the kernel's own; more is refused */
#define CPU_MILLI_MAX 100000000	  /* beyond any machine */
#define PERIOD_US 100000
#define LONG_PERIOD_US 1000000	  /* for shares so small that their quota would be refused */
#define PROCS_BYTES 16384

static void rest_a_moment(void)
{
	static const struct timespec moment = {.tv_nsec = 500000};

	nanosleep(&moment, NULL);
}

static int write_number(int dir_fd, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return fd_write_file(dir_fd, name, text);
}

static int each_leaf(int dir_fd, dir_visit_fn visit, void *data)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/.", dir_fd);
	return dir_each(path, visit, data);
}

static int remove_leaf(void *data, int dir_fd, const char *name, unsigned char type)
{
	(void)data;
	if (type == DT_DIR)
		(void)unlinkat(dir_fd, name, AT_REMOVEDIR); /* busy: the group above will be, too */
	return 0;
}

/* The lock is free: nobody answers for the group any more. */
static int sweep_one(void *data, int dir_fd, const char *name, unsigned char type)
{
	cleanup_close int fd = -EBADF;

	(void)data;
	if (type != DT_DIR || strncmp(name, CGROUP_NAME_PREFIX, strlen(CGROUP_NAME_PREFIX)) != 0)
		return 0;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0) {
		(void)!each_leaf(fd, remove_leaf, NULL);
		(void)unlinkat(dir_fd, name, AT_REMOVEDIR); /* busy: somebody else's next time */
	}
	return 0;
}

/* Between being made and being locked a group may be taken for left behind: then another. */
static int make_locked(struct cgroup_part *part)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(part->name, sizeof(part->name), CGROUP_NAME_PREFIX "%016llx",
		 (unsigned long long)number);
	if (mkdirat(part->parent_fd, part->name, 0755) < 0)
		return -errno;
	part->dir_fd = openat(part->parent_fd, part->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (part->dir_fd >= 0 && flock(part->dir_fd, LOCK_EX | LOCK_NB) == 0 &&
	    faccessat(part->dir_fd, "cgroup.procs", F_OK, 0) == 0)
		return 0;
	(void)unlinkat(part->parent_fd, part->name, AT_REMOVEDIR);
	close_keep_errno(TAKE_FD(part->dir_fd));
	return -EAGAIN;
}

static int make_part(const struct cgroup_place *place, struct cgroup_part *ret)
{
	int r = -EAGAIN;

	*ret = (struct cgroup_part){.what = place->what, .dir_fd = -EBADF};
	ret->parent_fd = open(place->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->parent_fd < 0)
		return -errno;
	(void)!dir_each(place->parent, sweep_one, NULL); /* what stays, stays */
	for (int i = 0; r == -EAGAIN && i < NAME_TRIES; i++)
		r = make_locked(ret);
	if (r < 0)
		close_keep_errno(TAKE_FD(ret->parent_fd));
	return r;
}

const struct cgroup_part *cgroup_part_for(const struct cgroup *cg, unsigned int what)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->parts[i].what & what)
			return &cg->parts[i];
	return NULL;
}

/* What is swapped out is still the program's memory: else a limit of memory would only be one
 * of speed. A kernel that does not count swap has no such file. */
static int limit_memory(const struct cgroup *cg, uint64_t bytes)
{
	const struct cgroup_part *part = cgroup_part_for(cg, CGROUP_MEMORY);
	int r;

	if (!bytes || !part)
		return 0;
	r = write_number(part->dir_fd, cg->version == 2 ? "memory.max" : "memory.limit_in_bytes", bytes);
	if (r < 0)
		return r;
	r = cg->version == 2 ? write_number(part->dir_fd, "memory.swap.max", 0)
			     : write_number(part->dir_fd, "memory.memsw.limit_in_bytes", bytes);
	return r == -ENOENT ? 0 : r;
}

static int limit_pids(const struct cgroup *cg, uint64_t pids)
{
	const struct cgroup_part *part = cgroup_part_for(cg, CGROUP_PIDS);

	if (!pids || !part)
		return 0;
	return write_number(part->dir_fd, "pids.max", pids < PIDS_LIMIT_MAX ? pids : PIDS_LIMIT_MAX);
}

static int limit_cpu(const struct cgroup *cg, uint64_t milli)
{
	const struct cgroup_part *part = cgroup_part_for(cg, CGROUP_CPU);
	uint64_t period_us = milli < 20 ? LONG_PERIOD_US : PERIOD_US;
	uint64_t quota_us;
	char text[64];
	int r;

	if (!milli || !part)
		return 0;
	quota_us = (milli < CPU_MILLI_MAX ? milli : CPU_MILLI_MAX) * (period_us / 1000);
	if (cg->version == 2) {
		snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)quota_us,
			 (unsigned long long)period_us);
		return fd_write_file(part->dir_fd, "cpu.max", text);
	}
	r = write_number(part->dir_fd, "cpu.cfs_period_us", period_us);
	if (r == 0)
		r = write_number(part->dir_fd, "cpu.cfs_quota_us", quota_us);
	/* More than the group above may have, whose limit holds anyway. */
	return r == -EINVAL ? 0 : r;
}

int cgroup_limit(const struct cgroup *cg, const struct cgroup_limits *limits,
		 struct appsilo_error *err)
{
	const char *which = "--memory";
	int r = limit_memory(cg, limits->memory_bytes);

	if (r == 0) {
		which = "--pids";
		r = limit_pids(cg, limits->pids);
	}
	if (r == 0) {
		which = "--cpus";
		r = limit_cpu(cg, limits->cpu_milli);
	}
	return r < 0 ? error_set(err, r, "run: the cgroup refuses %s; give another value, or see "
				 "appsilo doctor", which) : 0;
}

static void make_parts(unsigned int wanted, unsigned int asked, struct cgroup *ret)
{
	struct cgroup_place places[CGROUP_PARTS_MAX];
	size_t n = cgroup_find(wanted, places, &ret->version);

	for (size_t i = 0; i < n; i++) {
		int r = make_part(&places[i], &ret->parts[ret->n]);

		if (r == 0)
			ret->what |= ret->parts[ret->n++].what;
		else if (places[i].what & asked && !ret->refused)
			ret->refused = r;
	}
}

static void discard(struct cgroup *cg)
{
	(void)!cgroup_remove(cg, 0); /* nothing was ever in it; if it stays, it is swept */
	cgroup_done(cg);
}

int cgroup_create(const struct cgroup_limits *limits, unsigned int also, struct cgroup *ret,
		  struct appsilo_error *err)
{
	unsigned int asked = also | (limits->memory_bytes ? CGROUP_MEMORY : 0) |
			     (limits->pids ? CGROUP_PIDS : 0) | (limits->cpu_milli ? CGROUP_CPU : 0);
	int r;

	*ret = (struct cgroup){0};
	/* With a group at all, the figures of the result are those of all processes. */
	make_parts(asked | CGROUP_MEMORY | CGROUP_CPU_TIME, asked, ret);
	ret->missing = asked & ~ret->what;
	if (!(ret->what & asked)) {
		discard(ret);
		return 0;
	}
	r = cgroup_limit(ret, limits, err);
	if (r < 0)
		discard(ret);
	return r;
}

int cgroup_open_join(const struct cgroup *cg, int ret_fds[CGROUP_PARTS_MAX])
{
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		ret_fds[i] = -EBADF;
	for (size_t i = 0; i < cg->n; i++) {
		ret_fds[i] = openat(cg->parts[i].dir_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (ret_fds[i] < 0) {
			int r = -errno;

			while (i-- > 0)
				close(TAKE_FD(ret_fds[i]));
			return r;
		}
	}
	return 0;
}

int cgroup_join_child(const int fds[CGROUP_PARTS_MAX])
{
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		if (fds[i] >= 0 && write(fds[i], "0", 1) != 1)
			return -1;
	return 0;
}

int cgroup_add(const struct cgroup *cg, pid_t pid)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < cg->n; i++)
		r = write_number(cg->parts[i].dir_fd, "cgroup.procs", (uint64_t)pid);
	return r;
}

/* By a descriptor, and looked at again: the number may by now be somebody else's. */
static void kill_member(const struct cgroup_part *part, pid_t pid)
{
	cleanup_close int fd = (int)syscall(K_PIDFD_OPEN, pid, 0);
	char path[32], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (fd >= 0 && fd_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	    strstr(text, part->name))
		(void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

/* Of the group itself. Returns how many there were, of a large group the first; -errno. */
static int kill_own_members(const struct cgroup_part *part)
{
	cleanup_close int fd = openat(part->dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char text[PROCS_BYTES], *rest, *line;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int found = 0;

	if (n < 0)
		return errno == ENODEV ? 0 : -errno;
	text[n] = '\0';
	if ((size_t)n == sizeof(text) - 1)
		*(strrchr(text, '\n') + 1) = '\0'; /* a number may be cut */
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), found++)
		kill_member(part, (pid_t)atoi(line));
	return found;
}

struct killing {
	const struct cgroup_part *part;
	int found;
};

static int kill_in_leaf(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct killing *k = data;
	struct cgroup_part leaf = *k->part; /* its name is in the path of the leaf, too */
	cleanup_close int fd = type == DT_DIR ? openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
					      : -EBADF;
	int n;

	leaf.dir_fd = fd;
	n = fd < 0 ? 0 : kill_own_members(&leaf);
	k->found += n < 0 ? 0 : n;
	return 0;
}

static int kill_members(const struct cgroup_part *part)
{
	struct killing k = {part, kill_own_members(part)};
	int r = k.found < 0 ? 0 : each_leaf(part->dir_fd, kill_in_leaf, &k);

	return r < 0 ? r : k.found;
}

int cgroup_kill(const struct cgroup *cg)
{
	int64_t end_ms = clock_monotonic_ms() + KILL_PATIENCE_MS;
	int n;

	if (cg->n == 0 || fd_write_file(cg->parts[0].dir_fd, "cgroup.kill", "1") == 0)
		return 0;
	while ((n = kill_members(&cg->parts[0])) > 0) {
		if (clock_monotonic_ms() > end_ms)
			return -EBUSY;
		rest_a_moment();
	}
	return n;
}

static int remove_part(const struct cgroup_part *part, int64_t end_ms)
{
	while (unlinkat(part->parent_fd, part->name, AT_REMOVEDIR) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno != EBUSY || clock_monotonic_ms() >= end_ms)
			return -errno;
		(void)!each_leaf(part->dir_fd, remove_leaf, NULL);
		rest_a_moment();
	}
	return 0;
}

int cgroup_remove(const struct cgroup *cg, int patience_ms)
{
	int64_t end_ms = clock_monotonic_ms() + patience_ms;
	int r = 0;

	for (size_t i = 0; i < cg->n; i++) {
		int one = remove_part(&cg->parts[i], end_ms);

		r = r < 0 ? r : one;
	}
	return r;
}

void cgroup_done(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		close_keep_errno(TAKE_FD(cg->parts[i].parent_fd));
		close_keep_errno(TAKE_FD(cg->parts[i].dir_fd));
	}
	cg->n = 0;
	cg->what = 0;
}
