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
#include <sys/sysmacros.h>
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

/* The path, as the sandbox sees it, of @folder resolved in the sandbox's root. */
static int resolve_folder(int root_fd, const char *folder, char ret[PATH_MAX])
{
	cleanup_close int fd = k_openat2(root_fd, folder, O_PATH | O_CLOEXEC,
					 K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS);
	char link[64];

	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return read_link(link, ret);
}

/* @path as the caller resolves it from @from_fd; if it is not there, its folder. */
static int open_as_caller(int from_fd, const char *path, uint64_t resolve)
{
	char folder[PATH_MAX];
	int fd = k_openat2(from_fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC, resolve);
	size_t n = strlen(path);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n == 0)
		return dup(from_fd);
	snprintf(folder, sizeof(folder), "%.*s", (int)n, path);
	fd = k_openat2(from_fd, folder, O_PATH | O_CLOEXEC, resolve);
	return fd < 0 ? -errno : fd;
}

/* The last name may not exist, or be a link: the folder decides where it is. */
static int resolve(int root_fd, char *whole, char ret[PATH_MAX])
{
	char folder[PATH_MAX], base[PATH_MAX];
	size_t n = strlen(whole);
	int r;

	while (n > 1 && whole[n - 1] == '/')
		whole[--n] = '\0';
	n = path_parent_length(whole, n);
	snprintf(folder, sizeof(folder), "%.*s", (int)n, whole);
	r = resolve_folder(root_fd, folder, base);
	if (r < 0)
		return r;
	if (strcmp(path_base(whole), "..") == 0 || strcmp(path_base(whole), ".") == 0)
		return -EINVAL;
	return path_join(base, path_base(whole), ret, PATH_MAX);
}

static int open_base(pid_t pid, int fd)
{
	char what[32] = "cwd";

	if (fd != AT_FDCWD)
		snprintf(what, sizeof(what), "fd/%d", fd);
	return open_of(pid, what);
}

/* Where @place starts, with what the caller wrote behind it. */
static int write_out(pid_t pid, const struct caller_place *place, char whole[PATH_MAX])
{
	cleanup_close int base_fd = -EBADF;
	char base[PATH_MAX], link[64];
	int r;

	if (place->given[0] == '/') {
		snprintf(whole, PATH_MAX, "%s", place->given);
		return 0;
	}
	base_fd = open_base(pid, place->fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", base_fd);
	r = base_fd < 0 ? base_fd : read_link(link, base);
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

int caller_locate(pid_t pid, const struct seccomp_data *d, int fd_arg, int path_arg, bool or_itself,
		  struct caller_place *ret)
{
	char given[PATH_MAX] = "", whole[PATH_MAX], path[PATH_MAX];
	cleanup_close int root_fd = open_of(pid, "root");
	int r = root_fd < 0 ? root_fd : 0;

	*ret = (struct caller_place){.fd = fd_arg >= 0 ? (int)d->args[fd_arg] : AT_FDCWD};
	if (r == 0 && path_arg >= 0 && d->args[path_arg])
		r = caller_read_string(pid, d->args[path_arg], given);
	if (r == 0 && !given[0])
		r = itself(pid, ret->fd, path_arg >= 0 && d->args[path_arg], or_itself);
	ret->given = r == 0 ? strdup(given) : NULL;
	if (r == 0 && !ret->given)
		r = -ENOMEM;
	if (r == 0)
		r = write_out(pid, ret, whole);
	if (r == 0 && given[0])
		r = resolve(root_fd, whole, path);
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

/* The view itself is not asked for its statistics: that would be a question to ourselves. */
static bool is_read_only(int fd, dev_t view_dev)
{
	struct k_statx at;
	struct statfs fs;

	if (k_statx(fd, "", AT_EMPTY_PATH | K_AT_STATX_DONT_SYNC, 0, &at) < 0)
		return true;
	if (makedev(at.dev_major, at.dev_minor) == view_dev)
		return false;
	return fstatfs(fd, &fs) < 0 || fs.f_flags & ST_RDONLY;
}

/* A link on a way that starts at a folder of the caller's is not followed: it cannot be told. */
bool caller_is_refused(pid_t pid, const struct caller_place *place, dev_t view_dev)
{
	const uint64_t no_links = K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS;
	bool from_root = place->given[0] == '/';
	cleanup_close int base_fd = from_root ? open_of(pid, "root") : open_base(pid, place->fd);
	cleanup_close int fd = -EBADF;

	if (base_fd < 0)
		return true;
	if (!place->given[0])
		return is_read_only(base_fd, view_dev);
	fd = open_as_caller(base_fd, place->given,
			    from_root ? K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS : no_links);
	return fd < 0 || is_read_only(fd, view_dev);
}

bool caller_works_in(pid_t pid, const char *folder)
{
	char link[64], cwd[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	return read_link(link, cwd) == 0 && path_is_under(cwd, folder);
}

mode_t caller_umask(pid_t pid)
{
	return (mode_t)number(pid, "status", "\nUmask:", 8, 077) & 0777;
}

uint64_t caller_file_size_max(pid_t pid)
{
	return number(pid, "limits", "\nMax file size", 10, 0);
}
