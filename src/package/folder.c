/* SPDX-License-Identifier: Apache-2.0 */
#include "package/folder.h"

#include "package/installed.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define DEPTH_MAX 1024

static int remove_below(int parent_fd, const char *name, int depth)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 || depth > DEPTH_MAX ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = depth > DEPTH_MAX ? -ELOOP : -errno;
		close_keep_errno(fd);
		return r;
	}
	/* An application may have left a folder of its own unwritable. */
	(void)fchmod(fd, 0700);
	while (r == 0 && (entry = readdir(dir))) {
		const char *child = entry->d_name;

		if (strcmp(child, ".") == 0 || strcmp(child, "..") == 0)
			continue;
		if (unlinkat(fd, child, 0) == 0 || errno == ENOENT)
			continue;
		r = errno == EISDIR || errno == EPERM ? remove_below(fd, child, depth + 1) : -errno;
	}
	closedir(dir);
	if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int folder_remove(int parent_fd, const char *name)
{
	int r = remove_below(parent_fd, name, 0);

	return r == -ENOENT ? 0 : r;
}

static int make_private(const char *path)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return -ENAMETOOLONG;
	for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", slash ? (int)(slash - path) : PATH_MAX - 1, path);
		if (mkdir(part, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST)
			return -errno;
		if (!slash)
			return 0;
	}
}

int folder_lock(const char *data_dir, bool make, bool wait, struct appsilo_error *err)
{
	cleanup_close int fd = -EBADF;
	char path[PATH_MAX];
	int r = 0;

	if (snprintf(path, sizeof(path), "%s/" INSTALLED_PACKAGES, data_dir) >= (int)sizeof(path))
		return error_set(err, -ENAMETOOLONG, "%s", data_dir);
	if (make)
		r = make_private(path);
	if (r == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (r == 0 && flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
		r = -errno;
	return r < 0 ? error_set(err, r, "%s", path) : TAKE_FD(fd);
}
