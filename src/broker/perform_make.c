/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/perform.h"

#include "base/fd.h"
#include "base/path.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

/* What an app's open() says about the file itself; the rest is of its descriptor, or of no use
 * to a call that writes. */
#define OPEN_FLAGS                                                                                     \
	(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_NOFOLLOW | \
	 O_DIRECTORY | O_NOATIME | O_NOCTTY | O_DIRECT)
/* Of these, what a descriptor keeps. */
#define KEPT_FLAGS (O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | O_NOATIME | O_DIRECT)
#define SETTABLE_FLAGS (O_APPEND | O_NOATIME | O_DIRECT)

/* What was judged has no link in it: nor may what is opened. */
static int open_in(int view_fd, const char *path, uint64_t flags, uint64_t mode)
{
	int fd = k_openat2_new(view_fd, path, flags | O_CLOEXEC, mode,
			       K_RESOLVE_IN_ROOT | K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);

	return fd < 0 ? -errno : fd;
}

/* A name, in the folder that was judged: no link on the way to it. A slash behind it is part of
 * the name: it must be a folder's. */
static int open_folder(int view_fd, const char *path, const char **ret_name)
{
	char folder[PATH_MAX];
	int fd;

	*ret_name = path_split(path, folder, sizeof(folder));
	fd = k_openat2(view_fd, folder, O_PATH | O_DIRECTORY | O_CLOEXEC,
		       K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS | K_RESOLVE_IN_ROOT);
	return fd < 0 ? -errno : fd;
}

/* The same regular file, not on the view; or @fd. */
static int open_native(int fd, int folder_fd, const struct perform_call *call)
{
	char folder[PATH_MAX];
	struct stat seen, st;
	int other_fd;

	if (fstat(fd, &seen) < 0 || !S_ISREG(seen.st_mode))
		return fd;
	other_fd = k_openat2(folder_fd, path_split(call->path[0], folder, sizeof(folder)),
			     ((uint64_t)call->flags & KEPT_FLAGS) | O_NONBLOCK | O_CLOEXEC,
			     K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);
	if (other_fd < 0)
		return fd;
	/* The name may be another file's by now, which nobody has judged. */
	if (fstat(other_fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_ino != seen.st_ino) {
		close(other_fd);
		return fd;
	}
	close(fd);
	return other_fd;
}

/* Never to wait for the other end of a FIFO that has just been put there. */
static int make_open(int view_fd, int folder_fd, const struct perform_call *call)
{
	uint64_t flags = (uint64_t)call->flags & OPEN_FLAGS;
	int fd = open_in(view_fd, call->path[0], flags | O_NONBLOCK, flags & O_CREAT ? call->mode : 0);

	if (fd >= 0 && folder_fd >= 0)
		fd = open_native(fd, folder_fd, call);
	if (fd >= 0 && !(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, (int)(flags & SETTABLE_FLAGS)) < 0) {
		close_keep_errno(fd);
		return -errno;
	}
	return fd;
}

static int make_truncate(int view_fd, const struct perform_call *call)
{
	cleanup_close int fd = -EBADF;

	if (call->size > call->size_max)
		return -EFBIG;
	fd = open_in(view_fd, call->path[0], O_WRONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	return ftruncate(fd, (off_t)call->size) < 0 ? -errno : 0;
}

/* In the app's user namespace there are no other ids. */
static bool knows_ids(const struct perform_call *call)
{
	return (call->uid == (uid_t)-1 || call->uid == geteuid()) && (call->gid == (gid_t)-1 || call->gid == getegid());
}

/* What is about one file and not about its name. */
static int make_change(int view_fd, const struct perform_call *call)
{
	cleanup_close int fd = open_in(view_fd, call->path[0], O_PATH | O_NOFOLLOW, 0);
	char link[40];
	int r = -ENOSYS;

	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	switch (call->kind) {
	case PERFORM_CHMOD:
		r = chmod(link, call->mode & 07777);
		break;
	case PERFORM_CHOWN:
		if (!knows_ids(call))
			return -EINVAL;
		r = fchownat(fd, "", call->uid, call->gid, AT_EMPTY_PATH);
		break;
	case PERFORM_UTIMENS:
		r = utimensat(AT_FDCWD, link, call->times, 0);
		break;
	case PERFORM_SETXATTR:
		r = setxattr(link, call->name, call->value, call->value_size, (int)call->mode);
		break;
	case PERFORM_REMOVEXATTR:
		r = removexattr(link, call->name);
		break;
	}
	return r < 0 ? -errno : 0;
}

static int make_node(int folder_fd, const char *name, const struct perform_call *call)
{
	switch (call->mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		return mknodat(folder_fd, name, call->mode, 0) < 0 ? -errno : 0;
	}
	return -EPERM;
}

static int make_pair(int view_fd, int folder_fd, const char *name, const struct perform_call *call)
{
	const char *other;
	cleanup_close int other_fd = open_folder(view_fd, call->path[1], &other);
	int r;

	if (other_fd < 0)
		return other_fd;
	if (call->kind == PERFORM_RENAME)
		r = (int)syscall(SYS_renameat2, folder_fd, name, other_fd, other, (unsigned int)call->flags);
	else
		r = linkat(folder_fd, name, other_fd, other, 0);
	return r < 0 ? -errno : 0;
}

/* What is about a name in a folder. */
static int make_name(int view_fd, const struct perform_call *call)
{
	const char *name;
	cleanup_close int folder_fd = open_folder(view_fd, call->path[0], &name);
	int r = -ENOSYS;

	if (folder_fd < 0)
		return folder_fd;
	switch (call->kind) {
	case PERFORM_UNLINK:
		r = unlinkat(folder_fd, name, call->flags & AT_REMOVEDIR);
		break;
	case PERFORM_MKDIR:
		r = mkdirat(folder_fd, name, call->mode);
		break;
	case PERFORM_SYMLINK:
		r = symlinkat(call->value, folder_fd, name);
		break;
	case PERFORM_MKNOD:
		return make_node(folder_fd, name, call);
	case PERFORM_RENAME:
	case PERFORM_LINK:
		return make_pair(view_fd, folder_fd, name, call);
	}
	return r < 0 ? -errno : 0;
}

int perform_make(int view_fd, int folder_fd, const struct perform_call *call)
{
	umask(call->umask & 0777);
	switch ((enum perform_kind)call->kind) {
	case PERFORM_OPEN:
		return make_open(view_fd, folder_fd, call);
	case PERFORM_TRUNCATE:
		return make_truncate(view_fd, call);
	case PERFORM_CHMOD:
	case PERFORM_CHOWN:
	case PERFORM_UTIMENS:
	case PERFORM_SETXATTR:
	case PERFORM_REMOVEXATTR:
		return make_change(view_fd, call);
	case PERFORM_UNLINK:
	case PERFORM_MKDIR:
	case PERFORM_MKNOD:
	case PERFORM_RENAME:
	case PERFORM_LINK:
	case PERFORM_SYMLINK:
		return make_name(view_fd, call);
	}
	return -ENOSYS;
}
