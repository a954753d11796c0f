/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/idmap.h"

#include "base/dir.h"
#include "isolation/kernel.h"
#include "isolation/procfs.h"
#include "isolation/tree.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define GIVE_DEPTH_MAX 32
#define NOBODY_STACK_BYTES (32 * 1024)

static int write_map(pid_t pid, const char *name, unsigned int from, unsigned int to)
{
	char line[48];

	snprintf(line, sizeof(line), "%u %u 1\n", from, to);
	return procfs_write(pid, name, line);
}

int idmap_open(uid_t uid, gid_t gid)
{
	pid_t own = getpid();
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	char path[48];
	int fd = -EBADF, r;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != own) /* it died before that */
			_exit(125);
		for (;;)
			pause();
	}
	r = write_map((pid_t)pid, "uid_map", geteuid(), uid);
	if (r == 0)
		r = write_map((pid_t)pid, "gid_map", getegid(), gid);
	if (r == 0) {
		snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		r = fd < 0 ? -errno : fd;
	}
	kill((pid_t)pid, SIGKILL);
	waitpid((pid_t)pid, NULL, 0);
	return r;
}

struct nobody {
	uid_t uid;
	gid_t gid;
	int fd; /* where the namespace is to be opened */
};

/* Shares its parent's descriptors, and the parent waits. Any id but our own would do for the
 * inner one: it is mapped because a namespace without a map is refused. */
static int enter_nobody(void *data)
{
	const struct nobody *n = data;
	char line[48];
	int fd, r;

	/* After a change of ids procfs is root's. Not in memory that is shared with others. */
	if (prctl(PR_GET_DUMPABLE) != 1)
		(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	r = procfs_write(0, "setgroups", "deny");
	snprintf(line, sizeof(line), "%u %u 1\n", n->uid + 1, n->uid);
	if (r == 0)
		r = procfs_write(0, "uid_map", line);
	snprintf(line, sizeof(line), "%u %u 1\n", n->gid + 1, n->gid);
	if (r == 0)
		r = procfs_write(0, "gid_map", line);
	fd = r < 0 ? r : open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	return fd < 0 || dup3(fd, n->fd, O_CLOEXEC) < 0 || close(fd) < 0;
}

int idmap_nobody(void)
{
	static char stack[NOBODY_STACK_BYTES] __attribute__((aligned(16)));
	cleanup_close int fd = open("/proc", O_PATH | O_CLOEXEC);
	struct nobody n = {.uid = geteuid(), .gid = getegid(), .fd = fd};
	int shared = prctl(PR_GET_DUMPABLE) == 1 ? CLONE_VM : 0;
	int status = -1;
	pid_t pid = fd < 0 ? -1
			   : clone(enter_nobody, stack + sizeof(stack),
				   CLONE_NEWUSER | CLONE_VFORK | CLONE_FILES | SIGCHLD | shared, &n);

	if (pid < 0)
		return -errno;
	waitpid(pid, &status, 0);
	return status == 0 ? TAKE_FD(fd) : -EPERM;
}

int idmap_clone(const char *path, bool links, int idmap_fd)
{
	cleanup_close int fd = links ? tree_clone(AT_FDCWD, path) : tree_clone_straight(path);
	struct k_mount_attr attr = {.attr_set = K_MOUNT_ATTR_IDMAP,
				    .propagation = MS_PRIVATE,
				    .userns_fd = (uint64_t)idmap_fd};

	if (fd < 0)
		return fd;
	if (k_mount_setattr(fd, "", K_AT_EMPTY_PATH | K_AT_RECURSIVE, &attr) < 0)
		return -errno;
	return TAKE_FD(fd);
}

struct giving {
	uid_t uid;
	gid_t gid;
	dev_t device;
	int depth;
};

static int give_below(struct giving *g, int dir_fd);

/* What went away meanwhile needs no owner. */
static int give_one(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct giving *g = data;
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_dev != g->device)
		return 0;
	if (fchownat(dir_fd, name, g->uid, g->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (type != DT_DIR || g->depth == GIVE_DEPTH_MAX)
		return 0;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return give_below(g, fd);
}

static int give_below(struct giving *g, int dir_fd)
{
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/.", dir_fd);
	g->depth++;
	r = dir_each(path, give_one, g);
	g->depth--;
	return r;
}

int idmap_give(int dir_fd, uid_t uid, gid_t gid)
{
	struct giving g = {.uid = uid, .gid = gid};
	struct statfs fs;
	struct stat st;

	if (fstatfs(dir_fd, &fs) < 0 || fstat(dir_fd, &st) < 0)
		return -errno;
	if (fs.f_type != TMPFS_MAGIC)
		return -EINVAL;
	g.device = st.st_dev;
	return fchown(dir_fd, uid, gid) < 0 ? -errno : give_below(&g, dir_fd);
}
