/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/caller.h"

#include "base/fd.h"
#include "base/path.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#ifndef ST_RDONLY
#define ST_RDONLY 1
#endif

int caller_read(pid_t pid, uint64_t address, void *ret, size_t size)
{
	struct iovec local = {ret, size}, remote = {(void *)(uintptr_t)address, size};
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return n < 0 ? -errno : (size_t)n < size ? -EFAULT : 0;
}

int caller_read_string(pid_t pid, uint64_t address, char ret[PATH_MAX])
{
	size_t used = 0;

	while (used < PATH_MAX) {
		size_t page_left = 4096 - (address + used) % 4096;
		size_t want = page_left < PATH_MAX - used ? page_left : PATH_MAX - used;
		int r = caller_read(pid, address + used, ret + used, want);

		if (r < 0)
			return r;
		if (memchr(ret + used, '\0', want))
			return 0;
		used += want;
	}
	return -ENAMETOOLONG;
}

static int read_link(const char *path, char ret[PATH_MAX])
{
	ssize_t n = readlink(path, ret, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return ret[0] == '/' ? 0 : -ENOENT;
}

static int open_of(pid_t pid, const char *what)
{
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/%d/%s", (int)pid, what);
	fd = open(link, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int path_of(int fd, char ret[PATH_MAX])
{
	char link[40];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return read_link(link, ret);
}

static bool is_view(int fd, dev_t view_dev)
{
	dev_t at;

	return k_device(fd, &at) == 0 && at == view_dev;
}

/* Is @fd, in the sandbox at @path, what the user has there? */
static bool is_users(int fd, const char *path, dev_t view_dev)
{
	cleanup_close int own_fd = -EBADF;
	struct stat st, own;

	if (is_view(fd, view_dev))
		return true;
	own_fd = k_openat2(AT_FDCWD, path, O_PATH | O_NOFOLLOW | O_CLOEXEC,
			   K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);
	return own_fd >= 0 && fstat(fd, &st) == 0 && fstat(own_fd, &own) == 0 && st.st_dev == own.st_dev &&
	       st.st_ino == own.st_ino;
}

/* @path in the sandbox's root, links followed. Its path without any goes to @ret. Returns an O_PATH
 * descriptor; -EXDEV; -errno. */
static int open_users(int root_fd, const char *path, dev_t view_dev, char ret[PATH_MAX])
{
	cleanup_close int fd = k_openat2(root_fd, path, O_PATH | O_CLOEXEC, K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS);
	int r = fd < 0 ? -errno : path_of(fd, ret);

	if (r < 0)
		return r;
	return is_users(fd, ret, view_dev) ? TAKE_FD(fd) : -EXDEV;
}

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A name in a folder of the user's, which need not be there. */
static int name_in(int root_fd, const char *whole, dev_t view_dev, int *ret_folder_fd, char path[PATH_MAX])
{
	char folder[PATH_MAX], base[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", (int)path_parent_length(whole, strlen(whole)), whole);
	fd = open_users(root_fd, folder, view_dev, base);
	if (fd < 0)
		return fd;
	*ret_folder_fd = fd;
	return path_join(base, path_base(whole), path, PATH_MAX);
}

/* Where a link leads to what is not there: O_CREAT makes it. */
static int follow_dangling(int root_fd, const char *target, dev_t view_dev, char path[PATH_MAX])
{
	cleanup_close int folder_fd = -EBADF;
	char whole[PATH_MAX], next[2];
	size_t n = path_parent_length(path, strlen(path));
	int r = 0;

	if (target[0] == '/')
		snprintf(whole, sizeof(whole), "%s", target);
	else if (snprintf(whole, sizeof(whole), "%.*s/%s", (int)n, path, target) >= (int)sizeof(whole))
		return -ENAMETOOLONG;
	if (is_dot(path_base(whole)) || whole[strlen(whole) - 1] == '/')
		return -ENOENT;
	r = name_in(root_fd, whole, view_dev, &folder_fd, path);
	/* A chain of them is left to the kernel. */
	return r == 0 && readlinkat(folder_fd, path_base(whole), next, sizeof(next)) >= 0 ? -ELOOP : r;
}

/* A link that the view has is not followed: it judges what it leads to itself. */
static int follow(int root_fd, int folder_fd, dev_t view_dev, struct caller_place *ret, char path[PATH_MAX])
{
	cleanup_close int fd = -EBADF, target_folder_fd = -EBADF;
	char target[PATH_MAX] = "", real[PATH_MAX];

	if (is_view(folder_fd, view_dev) || readlinkat(folder_fd, path_base(path), target, sizeof(target) - 1) < 0)
		return 0;
	ret->followed = true;
	fd = open_users(root_fd, path, view_dev, real);
	if (fd == -ENOENT)
		return follow_dangling(root_fd, target, view_dev, path);
	return fd < 0 ? fd : name_in(root_fd, real, view_dev, &target_folder_fd, path);
}

static int resolve(int root_fd, char *whole, unsigned int how, dev_t view_dev, struct caller_place *ret,
		   char path[PATH_MAX])
{
	cleanup_close int fd = -EBADF;
	size_t n = strlen(whole);
	int r;

	while (n > 1 && whole[n - 1] == '/')
		whole[--n] = '\0';
	if (is_dot(path_base(whole))) {
		fd = how & CALLER_ALSO_DOT ? open_users(root_fd, whole, view_dev, path) : -EINVAL;
		return fd < 0 ? fd : 0;
	}
	r = name_in(root_fd, whole, view_dev, &fd, path);
	return r < 0 || !(how & CALLER_FOLLOW) ? r : follow(root_fd, fd, view_dev, ret, path);
}

static int open_base(pid_t pid, int fd)
{
	char what[32] = "cwd";

	if (fd != AT_FDCWD)
		snprintf(what, sizeof(what), "fd/%d", fd);
	return open_of(pid, what);
}

/* Where @place starts, with what the caller wrote behind it. */
static int write_out(pid_t pid, const struct caller_place *place, dev_t view_dev, char whole[PATH_MAX])
{
	cleanup_close int base_fd = -EBADF;
	char base[PATH_MAX];
	int r;

	if (place->given[0] == '/') {
		snprintf(whole, PATH_MAX, "%s", place->given);
		return 0;
	}
	base_fd = open_base(pid, place->fd);
	r = base_fd < 0 ? base_fd : path_of(base_fd, base);
	/* The path of a folder in a mount that was taken off starts at that mount. */
	if (r == 0 && !is_users(base_fd, base, view_dev))
		r = -EXDEV;
	if (r == 0 && place->given[0])
		return path_join(base, place->given, whole, PATH_MAX);
	if (r == 0)
		memcpy(whole, base, sizeof(base));
	return r;
}

/* The number after @field in a file of the caller's in /proc; @otherwise when it is not there. */
static uint64_t number(pid_t pid, const char *file, const char *field, int base, uint64_t otherwise)
{
	char path[40], text[4096], *end;
	const char *at;
	uint64_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return otherwise;
	at = strstr(text, field);
	if (!at)
		return otherwise;
	at += strlen(field);
	at += strspn(at, " \t");
	if (strncmp(at, "unlimited", 9) == 0)
		return UINT64_MAX;
	n = strtoull(at, &end, base);
	return end == at ? otherwise : n;
}

/* Without a path: a file that is open, and not only pointed at. */
static int itself(pid_t pid, int fd, bool has_path, bool or_itself)
{
	char file[32];

	if (has_path)
		return or_itself ? 0 : -ENOENT;
	snprintf(file, sizeof(file), "fdinfo/%d", fd);
	return fd < 0 || number(pid, file, "\nflags:", 8, O_PATH) & O_PATH ? -EBADF : 0;
}

int caller_locate(pid_t pid, const struct seccomp_data *d, int fd_arg, int path_arg, unsigned int how,
		  dev_t view_dev, struct caller_place *ret)
{
	char given[PATH_MAX] = "", whole[PATH_MAX], path[PATH_MAX];
	cleanup_close int root_fd = open_of(pid, "root");
	int r = root_fd < 0 ? root_fd : 0;

	*ret = (struct caller_place){.fd = fd_arg >= 0 ? (int)d->args[fd_arg] : AT_FDCWD};
	if (r == 0 && path_arg >= 0 && d->args[path_arg])
		r = caller_read_string(pid, d->args[path_arg], given);
	if (r == 0 && !given[0])
		r = itself(pid, ret->fd, path_arg >= 0 && d->args[path_arg], how & CALLER_OR_ITSELF);
	ret->given = r == 0 ? strdup(given) : NULL;
	if (r == 0 && !ret->given)
		r = -ENOMEM;
	if (r == 0)
		r = write_out(pid, ret, view_dev, whole);
	if (r == 0 && given[0])
		r = resolve(root_fd, whole, how, view_dev, ret, path);
	else if (r == 0)
		memcpy(path, whole, sizeof(path));
	ret->path = r == 0 ? strdup(path) : NULL;
	ret->slash = given[0] && given[strlen(given) - 1] == '/';
	return r == 0 && !ret->path ? -ENOMEM : r;
}

void caller_place_done(struct caller_place *place)
{
	free(place->given);
	free(place->path);
	*place = (struct caller_place){0};
}

static bool is_read_only(int fd, dev_t view_dev)
{
	struct statfs fs;

	return !is_view(fd, view_dev) && (fstatfs(fd, &fs) < 0 || fs.f_flags & ST_RDONLY);
}

/* The folder of @path, as seen from @from_fd. */
static int open_folder(int from_fd, const char *path, uint64_t resolve)
{
	char folder[PATH_MAX];
	int fd;

	(void)path_split(path, folder, sizeof(folder));
	fd = k_openat2(from_fd, *folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, resolve);
	return fd < 0 ? -errno : fd;
}

bool caller_is_refused(pid_t pid, const struct caller_place *place, dev_t view_dev)
{
	bool from_base = place->given[0] != '/' && !place->followed;
	cleanup_close int base_fd = from_base ? open_base(pid, place->fd) : open_of(pid, "root");
	cleanup_close int fd = -EBADF;

	if (base_fd < 0)
		return false;
	if (!place->given[0])
		return is_read_only(base_fd, view_dev);
	/* With a link on the way, which from here would be followed in our root, it cannot be told:
	 * then the kernel says what it says. */
	if (from_base)
		fd = open_folder(base_fd, place->given, K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);
	else
		fd = open_folder(base_fd, place->path, K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS);
	return fd >= 0 && is_read_only(fd, view_dev);
}

mode_t caller_umask(pid_t pid)
{
	return (mode_t)number(pid, "status", "\nUmask:", 8, 077) & 0777;
}

uint64_t caller_file_size_max(pid_t pid)
{
	return number(pid, "limits", "\nMax file size", 10, 0);
}
