/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/confine.h"

#include "isolation/kernel.h"
#include "isolation/landlock.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "filters.h"

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif
#define LAST_CAP_MAX 63

int confine_become(uid_t uid, gid_t gid)
{
	return syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
			       syscall(SYS_setresuid, uid, uid, uid) < 0
		       ? -errno
		       : 0;
}

int confine_drop_caps(void)
{
	return confine_keep_caps(0);
}

int confine_keep_caps(uint64_t keep)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct kept[2] = {0};

	kept[0].effective = kept[0].permitted = (uint32_t)keep;
	kept[1].effective = kept[1].permitted = (uint32_t)(keep >> 32);
	for (int cap = 0; cap <= LAST_CAP_MAX; cap++) {
		if (keep >> cap & 1 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		/* EINVAL: one past the last capability of this kernel. */
		if (errno == EINVAL && cap > CAP_SETFCAP)
			break;
		return -errno;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_capset, &header, kept) < 0)
		return -errno;
	return 0;
}

bool confine_can_report_sockets(int abi)
{
	cleanup_close int fd = (int)syscall(K_PIDFD_OPEN, getpid(), K_PIDFD_THREAD);

	return abi >= LANDLOCK_ABI_TCP && fd >= 0;
}

int confine_seccomp(unsigned int report, int *ret_fd)
{
	static const struct {
		const struct sock_filter *filter;
		unsigned short n;
	} filters[] = {
		[0] = {filter_plain, ARRAY_SIZE(filter_plain)},
		[CONFINE_WRITES] = {filter_writes, ARRAY_SIZE(filter_writes)},
		[CONFINE_SOCKETS] = {filter_sockets, ARRAY_SIZE(filter_sockets)},
		[CONFINE_WRITES | CONFINE_SOCKETS] = {filter_writes_sockets,
						      ARRAY_SIZE(filter_writes_sockets)},
	};
	struct sock_fprog program = {filters[report].n, (struct sock_filter *)filters[report].filter};
	long r;

	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		    report ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
	if (r < 0)
		return -errno;
	if (report)
		*ret_fd = (int)r;
	return 0;
}

static int install(const struct sock_filter *filter, unsigned short n)
{
	struct sock_fprog program = {n, (struct sock_filter *)filter};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int confine_seccomp_nest(void)
{
	return install(filter_nest, ARRAY_SIZE(filter_nest));
}

int confine_seccomp_nested(void)
{
	return install(filter_nested, ARRAY_SIZE(filter_nested));
}

static int set_limit(int resource, uint64_t value)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
	struct rlimit old;

	if (value == 0)
		return 0;
	if (getrlimit(resource, &old) < 0)
		return -errno;
	if (old.rlim_max != RLIM_INFINITY && limit.rlim_max > old.rlim_max)
		limit.rlim_max = limit.rlim_cur = old.rlim_max;
	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

/*
 * Each process by itself. What it can write alone, its heap and its threads' stacks, is counted exactly. What that
 * leaves out (shared mappings, a stack that grows, what was made read-only once it was full) is address space: some more
 * than the limit, because runtimes reserve more than they ever use (node's 600 MiB at its start).
 */
static int limit_memory(uint64_t bytes)
{
	int r = set_limit(RLIMIT_DATA, bytes);

	return r == 0 && bytes && bytes < UINT64_MAX - CONFINE_SPARE_SPACE
		       ? set_limit(RLIMIT_AS, bytes + CONFINE_SPARE_SPACE)
		       : r;
}

int confine_rlimits(const struct plan_limits *limits)
{
	struct rlimit cpu = {(limits->cpu_time_ms + 999) / 1000, (limits->cpu_time_ms + 999) / 1000 + 1};
	struct rlimit no_core = {0, 0};
	int r;

	r = limit_memory(limits->memory_bytes);
	/* The kernel counts them by user namespace: all of the sandbox, init too. */
	if (r == 0 && limits->pids)
		r = set_limit(RLIMIT_NPROC, limits->pids + 1);
	if (r == 0)
		r = set_limit(RLIMIT_FSIZE, limits->file_size_bytes);
	if (r < 0)
		return r;
	if (limits->cpu_time_ms && setrlimit(RLIMIT_CPU, &cpu) < 0)
		return -errno;
	/* A core pattern may pipe to a host program that runs outside the sandbox. */
	return setrlimit(RLIMIT_CORE, &no_core) < 0 ? -errno : 0;
}
