/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/procfs.h"

#include "base/fd.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

int procfs_write_at(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -ENODEV;
	return fd_write_all(fd, text, strlen(text));
}

int procfs_write(pid_t pid, const char *name, const char *text)
{
	char path[64];

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	return procfs_write_at(path, text);
}
