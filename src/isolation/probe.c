/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/probe.h"

#include "isolation/init.h"
#include "isolation/kernel.h"
#include "isolation/landlock.h"
#include "isolation/tree.h"
#include "isolation/tunnel.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif

/* All of these run in a child and return 0 or -errno. */

static int try_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	return init_write_id_maps(0, uid, gid, true);
}

static int try_namespaces(void)
{
	int r = try_user_namespace();

	if (r == 0 && unshare(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
			      CLONE_NEWNET) < 0)
		r = -errno;
	return r;
}

static int try_mount_api(void)
{
	int r = try_user_namespace();
	cleanup_close int tmpfs_fd = -EBADF;
	cleanup_close int clone_fd = -EBADF;

	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	r = tmpfs_fd = tree_new_fs("tmpfs", NULL, 0);
	if (r >= 0)
		r = clone_fd = tree_clone(AT_FDCWD, "/usr");
	if (r >= 0)
		r = tree_attributes(clone_fd, K_MOUNT_ATTR_RDONLY | K_MOUNT_ATTR_NOSUID, 0);
	if (r >= 0 && k_move_mount(tmpfs_fd, "", AT_FDCWD, "/tmp",
				   K_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	return r < 0 ? r : 0;
}

static int mount_proc(void)
{
	int fd = tree_new_fs("proc", NULL, 0);

	return fd < 0 ? fd : 0;
}

static int in_child(int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		struct rlimit no_core = {0, 0};

		(void)setrlimit(RLIMIT_CORE, &no_core);
		_exit(-attempt());
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

static int try_proc(void)
{
	int r = try_user_namespace();

	if (r == 0 && unshare(CLONE_NEWPID) < 0)
		r = -errno;
	return r == 0 ? in_child(mount_proc) : r;
}

static int try_calls(void)
{
	struct k_statx st;
	cleanup_close int fd = k_openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, K_RESOLVE_NO_SYMLINKS);

	if (fd < 0 || k_statx(fd, "", K_AT_EMPTY_PATH, K_STATX_TYPE, &st) < 0 ||
	    k_close_range(1000, 1000, 0) < 0)
		return -errno;
	return 0;
}

static int try_landlock(void)
{
	int abi = landlock_abi(), fd;

	if (abi < 0)
		return abi;
	fd = landlock_new(abi, false);
	if (fd < 0)
		return fd;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : landlock_enforce(fd);
}

static int install(unsigned long flags)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0)
		return -errno;
	return 0;
}

static int try_seccomp(void)
{
	return install(0);
}

static int try_seccomp_notify(void)
{
	return install(SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

static int try_fuse(void)
{
	int r = geteuid() == 0 ? 0 : try_user_namespace();
	cleanup_close int device_fd = -EBADF;
	cleanup_close int fs_fd = -EBADF;

	if (r < 0)
		return r;
	device_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device_fd < 0)
		return -errno;
	fs_fd = k_fsopen("fuse");
	return fs_fd < 0 ? -errno : 0;
}

static int try_tunnel(void)
{
	struct tunnel_places places;
	int r = try_user_namespace();

	if (r < 0)
		return r;
	tunnel_find_places(&places);
	return unshare(CLONE_NEWNET) < 0 ? -errno : tunnel_try(&places);
}

int probe(enum probe what)
{
	switch (what) {
	case PROBE_USER_NAMESPACE:
		return in_child(try_user_namespace);
	case PROBE_NAMESPACES:
		return in_child(try_namespaces);
	case PROBE_MOUNT_API:
		return in_child(try_mount_api);
	case PROBE_PROC:
		return in_child(try_proc);
	case PROBE_CALLS:
		return in_child(try_calls);
	case PROBE_LANDLOCK:
		return in_child(try_landlock);
	case PROBE_SECCOMP:
		return in_child(try_seccomp);
	case PROBE_SECCOMP_NOTIFY:
		return in_child(try_seccomp_notify);
	case PROBE_FUSE:
		return in_child(try_fuse);
	case PROBE_TUNNEL:
		return in_child(try_tunnel);
	}
	return -EINVAL;
}
