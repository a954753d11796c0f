/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/init.h"

#include "base/fd.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

static int write_proc(int dir_fd, const char *name, const char *text)
{
	cleanup_close int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -ENODEV;
	return fd_write_all(fd, text, strlen(text));
}

int init_write_id_maps(pid_t pid, uid_t uid, gid_t gid, bool setgroups_deny)
{
	char path[32], map[64];
	cleanup_close int dir_fd = -EBADF;
	int r = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	else
		snprintf(path, sizeof(path), "/proc/self");
	dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	if (setgroups_deny)
		r = write_proc(dir_fd, "setgroups", "deny");
	if (r == 0) {
		snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
		r = write_proc(dir_fd, "uid_map", map);
	}
	if (r == 0) {
		snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
		r = write_proc(dir_fd, "gid_map", map);
	}
	return r;
}
