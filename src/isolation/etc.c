/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/etc.h"

#include "base/fd.h"
#include "isolation/kernel.h"
#include "isolation/tree.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SHOWN (K_MOUNT_ATTR_RDONLY | K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV)

/* What programs need to run and that says nothing about the host's users or network. */
static const struct {
	const char *path;
	int file;
} shown[] = {
	{"/etc/alternatives", 0}, {"/etc/fonts", 0},	 {"/etc/inputrc", 1},	 {"/etc/ld.so.cache", 1},
	{"/etc/localtime", 1},	  {"/etc/mime.types", 1}, {"/etc/os-release", 1}, {"/etc/pki", 0},
	{"/etc/protocols", 1},	  {"/etc/python3.11", 0}, {"/etc/services", 1},	 {"/etc/ssl", 0},
	{"/etc/terminfo", 0},	  {"/etc/timezone", 1},
};

/* The sandbox's own name server (transport/resolver.h), where it has one; libc would ask there
 * without being told. A question that a person is asked about takes its time. */
#define RESOLVER "nameserver 127.0.0.1\noptions timeout:30 attempts:3\n"

static int write_file(int etc_fd, const char *name, const char *text)
{
	cleanup_close int fd =
		openat(etc_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int show_link(int etc_fd, const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, etc_fd, path + strlen("/etc/")) < 0 ? -errno : 0;
}

/* Each step is a system call that every start pays for: type and place are not asked first,
 * a link shows itself by failing to be a mount's source. */
static int show(int etc_fd, size_t i, struct appsilo_error *err)
{
	const char *path = shown[i].path;
	int r = show_link(etc_fd, path);
	cleanup_close int tree_fd = -EBADF;

	if (r != -EINVAL)
		return r == 0 || r == -ENOENT ? 0 : error_set(err, r, "etc: %s", path);
	tree_fd = tree_clone_as(AT_FDCWD, path, SHOWN);
	if (tree_fd < 0)
		return error_set(err, tree_fd, "etc: clone %s", path);
	r = tree_place_at(tree_fd, etc_fd, path + strlen("/etc/"), 0755, shown[i].file);
	return r < 0 ? error_set(err, r, "etc: mount %s", path) : 0;
}

static int make_up(int etc_fd, const struct plan *plan)
{
	char text[PATH_MAX + 512];
	int r;

	snprintf(text, sizeof(text),
		 "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
		 "%s:x:%u:%u::%s:/bin/sh\n"
		 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		 plan->user_name, plan->uid, plan->gid, plan->home);
	r = write_file(etc_fd, "passwd", text);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "root:x:0:\n%s:x:%u:\nnogroup:x:65534:\n", plan->user_name,
		 plan->gid);
	r = write_file(etc_fd, "group", text);
	if (r == 0)
		r = write_file(etc_fd, "nsswitch.conf",
			       "passwd: files\ngroup: files\nhosts: files dns\n"
			       "services: files\nprotocols: files\n");
	if (r == 0)
		r = write_file(etc_fd, "hosts",
			       "127.0.0.1 localhost\n127.0.1.1 appsilo\n::1 localhost\n");
	if (r == 0)
		r = write_file(etc_fd, "hostname", "appsilo\n");
	if (r == 0)
		r = write_file(etc_fd, "resolv.conf", RESOLVER);
	return r;
}

int etc_fill(int root_fd, const struct plan *plan, struct appsilo_error *err)
{
	cleanup_close int etc_fd = -EBADF;
	int r;

	if (mkdirat(root_fd, "etc", 0755) < 0)
		return error_set(err, -errno, "etc: make /etc");
	etc_fd = openat(root_fd, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (etc_fd < 0)
		return error_set(err, -errno, "etc: open /etc");
	r = make_up(etc_fd, plan);
	if (r < 0)
		return error_set(err, r, "etc: write");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(shown); i++)
		r = show(etc_fd, i, err);
	return r;
}

static int show_package_name(int root_fd, int dir_fd, const char *name)
{
	cleanup_close int tree_fd = -EBADF;
	char path[PATH_MAX];
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return 0;
	tree_fd = tree_clone_as(dir_fd, name, SHOWN);
	if (tree_fd < 0)
		return tree_fd;
	snprintf(path, sizeof(path), "/etc/%s", name);
	return tree_place(tree_fd, root_fd, path, 0755, S_ISREG(st.st_mode));
}

int etc_add_package(int root_fd, int package_fd, struct appsilo_error *err)
{
	int fd = openat(package_fd, "VFS/etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = error_set(err, -errno, "etc: the package's VFS/etc");
		close_keep_errno(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = show_package_name(root_fd, fd, entry->d_name);
	closedir(dir);
	return r < 0 ? error_set(err, r, "etc: show the package's VFS/etc") : 0;
}
