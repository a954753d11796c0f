/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/perform.h"

#include "broker/caller.h"
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define SYS_FCHMODAT2 452
#define MICROSECOND_NS 1000

static int read_times(pid_t pid, uint64_t address, bool microseconds, struct perform_call *ret)
{
	int r;

	ret->times[0].tv_nsec = ret->times[1].tv_nsec = UTIME_NOW;
	if (!address)
		return 0;
	r = caller_read(pid, address, ret->times, sizeof(ret->times));
	for (int i = 0; r == 0 && microseconds && i < 2; i++) {
		if (ret->times[i].tv_nsec < 0 || ret->times[i].tv_nsec >= 1000000)
			return -EINVAL;
		ret->times[i].tv_nsec *= MICROSECOND_NS;
	}
	return r;
}

static int read_seconds(pid_t pid, uint64_t address, struct perform_call *ret)
{
	int64_t seconds[2];
	int r;

	if (!address)
		return read_times(pid, 0, false, ret);
	r = caller_read(pid, address, seconds, sizeof(seconds));
	for (int i = 0; r == 0 && i < 2; i++)
		ret->times[i] = (struct timespec){.tv_sec = seconds[i]};
	return r;
}

static int read_value(pid_t pid, uint64_t address, uint64_t size, struct perform_call *ret)
{
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size > sizeof(ret->value)) /* more than file systems keep in one block */
		return -ENOSPC;
	ret->value_size = (uint32_t)size;
	return size ? caller_read(pid, address, ret->value, size) : 0;
}

static int read_name(pid_t pid, uint64_t address, struct perform_call *ret)
{
	char name[PATH_MAX];
	int r = caller_read_string(pid, address, name);

	if (r < 0 || strlen(name) >= sizeof(ret->name))
		return r < 0 && r != -ENAMETOOLONG ? r : -ERANGE;
	strcpy(ret->name, name);
	return 0;
}

static int open_how(struct perform_call *ret, uint64_t flags, uint64_t mode)
{
	if (flags & O_PATH)
		return -ENOSYS; /* it does not write */
	if ((flags & O_TMPFILE) == O_TMPFILE) /* as the view says; programs fall back */
		return (flags & O_ACCMODE) == O_RDONLY ? -EINVAL : -EOPNOTSUPP;
	ret->kind = PERFORM_OPEN;
	ret->flags = (int32_t)flags;
	ret->mode = (uint32_t)mode & 07777;
	return 0;
}

static int flags_how(struct perform_call *ret, enum perform_kind kind, uint64_t flags, uint64_t known)
{
	ret->kind = kind;
	ret->flags = (int32_t)flags;
	return flags & ~known & UINT32_MAX ? -EINVAL : 0;
}

static int mode_how(struct perform_call *ret, enum perform_kind kind, uint64_t mode, uint64_t flags)
{
	ret->mode = (uint32_t)mode;
	return flags_how(ret, kind, flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
}

static int owner_how(struct perform_call *ret, uint64_t uid, uint64_t gid, uint64_t flags)
{
	ret->uid = (uint32_t)uid;
	ret->gid = (uint32_t)gid;
	return flags_how(ret, PERFORM_CHOWN, flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
}

static int read_xattr(pid_t pid, const struct seccomp_data *d, bool set, struct perform_call *ret)
{
	int r = read_name(pid, d->args[1], ret);

	if (r == 0 && (strncmp(ret->name, "trusted.", 8) == 0 || strncmp(ret->name, "security.", 9) == 0))
		return -EPERM;
	if (r == 0 && strncmp(ret->name, "user.", 5) != 0)
		return -EOPNOTSUPP; /* system. has ids, of another user namespace */
	ret->kind = set ? PERFORM_SETXATTR : PERFORM_REMOVEXATTR;
	ret->mode = set ? (uint32_t)d->args[4] : 0; /* XATTR_CREATE, XATTR_REPLACE */
	return r == 0 && set ? read_value(pid, d->args[2], d->args[3], ret) : r;
}

static int read_symlink(pid_t pid, uint64_t address, struct perform_call *ret)
{
	char text[PATH_MAX];
	int r = caller_read_string(pid, address, text);

	ret->kind = PERFORM_SYMLINK;
	/* Not what stands behind it in the caller: the call is known again by all that is here (made.h). */
	if (r == 0)
		strcpy(ret->value, text);
	return r;
}

int perform_read(pid_t pid, const struct seccomp_data *d, struct perform_call *ret)
{
	const __u64 *a = d->args;
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->umask = caller_umask(pid);
	switch (d->nr) {
	case SYS_openat:
		return open_how(ret, a[2], a[3]);
	case SYS_unlinkat:
		return flags_how(ret, PERFORM_UNLINK, a[2], AT_REMOVEDIR);
	case SYS_mkdirat:
		return mode_how(ret, PERFORM_MKDIR, a[2], 0);
	case SYS_mknodat:
		return mode_how(ret, PERFORM_MKNOD, a[2], 0);
	case SYS_fchmodat:
		return mode_how(ret, PERFORM_CHMOD, a[2], 0);
	case SYS_FCHMODAT2:
		return mode_how(ret, PERFORM_CHMOD, a[2], a[3]);
	case SYS_fchmod:
		return mode_how(ret, PERFORM_CHMOD, a[1], 0);
	case SYS_fchownat:
		return owner_how(ret, a[2], a[3], a[4]);
	case SYS_fchown:
		return owner_how(ret, a[1], a[2], 0);
	case SYS_utimensat:
		r = flags_how(ret, PERFORM_UTIMENS, a[3], AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
		return r < 0 ? r : read_times(pid, a[2], false, ret);
	case SYS_renameat2:
		return flags_how(ret, PERFORM_RENAME, a[4], UINT32_MAX);
	case SYS_linkat:
		return flags_how(ret, PERFORM_LINK, a[4], AT_SYMLINK_FOLLOW);
	case SYS_symlinkat:
		return read_symlink(pid, a[0], ret);
	case SYS_truncate:
		ret->kind = PERFORM_TRUNCATE;
		ret->size = a[1];
		ret->size_max = caller_file_size_max(pid);
		return 0;
	case SYS_setxattr:
	case SYS_lsetxattr:
	case SYS_fsetxattr:
		return read_xattr(pid, d, true, ret);
	case SYS_removexattr:
	case SYS_lremovexattr:
	case SYS_fremovexattr:
		return read_xattr(pid, d, false, ret);
#ifdef SYS_open /* calls that newer architectures do not have */
	case SYS_open:
		return open_how(ret, a[1], a[2]);
	case SYS_creat:
		return open_how(ret, O_CREAT | O_WRONLY | O_TRUNC, a[1]);
	case SYS_unlink:
		return flags_how(ret, PERFORM_UNLINK, 0, 0);
	case SYS_rmdir:
		return flags_how(ret, PERFORM_UNLINK, AT_REMOVEDIR, AT_REMOVEDIR);
	case SYS_mkdir:
		return mode_how(ret, PERFORM_MKDIR, a[1], 0);
	case SYS_mknod:
		return mode_how(ret, PERFORM_MKNOD, a[1], 0);
	case SYS_chmod:
		return mode_how(ret, PERFORM_CHMOD, a[1], 0);
	case SYS_chown:
	case SYS_lchown:
		return owner_how(ret, a[1], a[2], 0);
	case SYS_utime:
		ret->kind = PERFORM_UTIMENS;
		return read_seconds(pid, a[1], ret);
	case SYS_utimes:
		ret->kind = PERFORM_UTIMENS;
		return read_times(pid, a[1], true, ret);
	case SYS_futimesat:
		ret->kind = PERFORM_UTIMENS;
		return read_times(pid, a[2], true, ret);
	case SYS_rename:
	case SYS_renameat:
		return flags_how(ret, PERFORM_RENAME, 0, 0);
	case SYS_link:
		return flags_how(ret, PERFORM_LINK, 0, 0);
	case SYS_symlink:
		return read_symlink(pid, a[0], ret);
#endif
	}
	return -ENOSYS;
}
