/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/tree.h"

#include "isolation/kernel.h"
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

int tree_new_fs(const char *type, const char *const *options, unsigned int attributes)
{
	cleanup_close int fs_fd = k_fsopen(type);
	int fd;

	if (fs_fd < 0)
		return -errno;
	for (; options && options[0]; options += 2) {
		unsigned int kind = options[1] ? K_FSCONFIG_SET_STRING : K_FSCONFIG_SET_FLAG;

		if (k_fsconfig(fs_fd, kind, options[0], options[1], 0) < 0)
			return -errno;
	}
	if (k_fsconfig(fs_fd, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = k_fsmount(fs_fd, attributes);
	return fd < 0 ? -errno : fd;
}

int tree_clone(int dir_fd, const char *path)
{
	unsigned int flags = K_OPEN_TREE_CLONE | O_CLOEXEC | K_AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
	int fd = k_open_tree(dir_fd, path, flags | (*path ? 0 : K_AT_EMPTY_PATH));

	return fd < 0 ? -errno : fd;
}

int tree_clone_as(int dir_fd, const char *path, uint64_t attributes)
{
	unsigned int flags = K_OPEN_TREE_CLONE | O_CLOEXEC | K_AT_RECURSIVE | AT_SYMLINK_NOFOLLOW;
	struct k_mount_attr attr = {.attr_set = attributes};
	int r, fd = k_open_tree_attr(dir_fd, path, flags | (*path ? 0 : K_AT_EMPTY_PATH), &attr);

	if (fd >= 0)
		return fd;
	/* Before Linux 6.15 in two steps; a real error comes up again. */
	fd = tree_clone(dir_fd, path);
	if (fd < 0)
		return fd;
	r = tree_attributes(fd, attributes, 0);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

int tree_clone_straight(const char *path)
{
	cleanup_close int fd = k_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC,
					 K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);

	return fd < 0 ? -errno : tree_clone(fd, "");
}

int tree_attributes(int tree_fd, uint64_t set, uint64_t clear)
{
	struct k_mount_attr attr = {.attr_set = set, .attr_clr = clear};

	if (k_mount_setattr(tree_fd, "", K_AT_EMPTY_PATH | K_AT_RECURSIVE, &attr) < 0)
		return -errno;
	return 0;
}

/* O_DIRECTORY with O_NOFOLLOW refuses a link without asking the file system for attributes,
 * which on the brokered view would be a round trip for each component. */
static int make_component(int dir_fd, const char *name, mode_t mode, int file)
{
	const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (file ? 0 : O_DIRECTORY);
	int fd = openat(dir_fd, name, flags);
	struct statfs fs;

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	/* Only ever in our own tmpfs: through the brokered view it would be made on the host. */
	if (fstatfs(dir_fd, &fs) < 0)
		return -errno;
	if (fs.f_type != TMPFS_MAGIC)
		return -EROFS;
	if (file) {
		if (mknodat(dir_fd, name, S_IFREG | mode, 0) < 0)
			return -errno;
	} else if (mkdirat(dir_fd, name, mode) < 0) {
		return -errno;
	}
	fd = openat(dir_fd, name, flags);
	return fd < 0 ? -errno : fd;
}

int tree_make(int root_fd, const char *path, mode_t mode, int file)
{
	cleanup_close int at_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	char name[NAME_MAX + 1];
	struct stat st;

	if (at_fd < 0)
		return -errno;
	while (*path) {
		size_t n = strcspn(path, "/");
		const char *rest = path + n + strspn(path + n, "/");
		int next;

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		if (n > 0) {
			memcpy(name, path, n);
			name[n] = '\0';
			next = make_component(at_fd, name, mode, file && !*rest);
			if (next < 0)
				return next;
			close(at_fd);
			at_fd = next;
		}
		path = rest;
	}
	if (file && fstat(at_fd, &st) == 0 && S_ISLNK(st.st_mode))
		return -ELOOP;
	return TAKE_FD(at_fd);
}

int tree_move(int tree_fd, int target_fd)
{
	if (k_move_mount(tree_fd, "", target_fd, "",
			 K_MOVE_MOUNT_F_EMPTY_PATH | K_MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

int tree_place(int tree_fd, int root_fd, const char *path, mode_t mode, int file)
{
	cleanup_close int target_fd = tree_make(root_fd, path, mode, file);

	return target_fd < 0 ? target_fd : tree_move(tree_fd, target_fd);
}

int tree_place_at(int tree_fd, int dir_fd, const char *name, mode_t mode, int file)
{
	int r = file ? mknodat(dir_fd, name, S_IFREG | mode, 0) : mkdirat(dir_fd, name, mode);

	if (r < 0 || k_move_mount(tree_fd, "", dir_fd, name, K_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}
