/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/call_shape.h"

#include "base/cleanup.h"
#include "broker/caller.h"
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#define NONE CALLER_NONE
#define UNUSED CALL_SHAPE_UNUSED

#define SYS_FCHMODAT2 452

static const struct call_shape shapes[] = {
	{SYS_openat, "open", {0, UNUSED}, {1, UNUSED}},
	{SYS_unlinkat, "unlink", {0, UNUSED}, {1, UNUSED}},
	{SYS_mkdirat, "mkdir", {0, UNUSED}, {1, UNUSED}},
	{SYS_mknodat, "mknod", {0, UNUSED}, {1, UNUSED}},
	{SYS_fchmodat, "chmod", {0, UNUSED}, {1, UNUSED}},
	{SYS_FCHMODAT2, "chmod", {0, UNUSED}, {1, UNUSED}},
	{SYS_fchownat, "chown", {0, UNUSED}, {1, UNUSED}},
	{SYS_utimensat, "utimens", {0, UNUSED}, {1, UNUSED}},
	{SYS_renameat2, "rename", {0, 2}, {1, 3}},
	{SYS_linkat, "link", {0, 2}, {1, 3}},
	{SYS_symlinkat, "symlink", {1, UNUSED}, {2, UNUSED}},
	{SYS_truncate, "truncate", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_fchmod, "chmod", {0, UNUSED}, {NONE, UNUSED}},
	{SYS_fchown, "chown", {0, UNUSED}, {NONE, UNUSED}},
	{SYS_setxattr, "setxattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_lsetxattr, "setxattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_fsetxattr, "setxattr", {0, UNUSED}, {NONE, UNUSED}},
	{SYS_removexattr, "removexattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_lremovexattr, "removexattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_fremovexattr, "removexattr", {0, UNUSED}, {NONE, UNUSED}},
#ifdef SYS_open /* calls that newer architectures do not have */
	{SYS_open, "open", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_creat, "create", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_unlink, "unlink", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_rmdir, "rmdir", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_mkdir, "mkdir", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_mknod, "mknod", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_chmod, "chmod", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_chown, "chown", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_lchown, "chown", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_utime, "utimens", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_utimes, "utimens", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_futimesat, "utimens", {0, UNUSED}, {1, UNUSED}},
	{SYS_rename, "rename", {NONE, NONE}, {0, 1}},
	{SYS_renameat, "rename", {0, 2}, {1, 3}},
	{SYS_link, "link", {NONE, NONE}, {0, 1}},
	{SYS_symlink, "symlink", {NONE, UNUSED}, {1, UNUSED}},
#endif
};

const struct call_shape *call_shape_find(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (shapes[i].number == number)
			return &shapes[i];
	return NULL;
}

bool call_shape_moves_folder(const struct call_shape *shape, const struct seccomp_data *d)
{
	if (d->nr == SYS_unlinkat)
		return d->args[2] & AT_REMOVEDIR;
	return strcmp(shape->operation, "rename") == 0 || strcmp(shape->operation, "rmdir") == 0;
}

static unsigned int how_opened(uint64_t flags)
{
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return CALLER_FOLLOW | CALLER_ALSO_DOT;
	return flags & O_NOFOLLOW || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? 0 : CALLER_FOLLOW;
}

unsigned int call_shape_how(const struct seccomp_data *d)
{
	const unsigned int change = CALLER_FOLLOW | CALLER_ALSO_DOT;

	switch (d->nr) {
	case SYS_openat:
		return how_opened(d->args[2]);
	case SYS_fchownat:
		return (d->args[4] & AT_SYMLINK_NOFOLLOW ? CALLER_ALSO_DOT : change) |
		       (d->args[4] & AT_EMPTY_PATH ? CALLER_OR_ITSELF : 0);
	case SYS_utimensat:
	case SYS_FCHMODAT2:
		return (d->args[3] & AT_SYMLINK_NOFOLLOW ? CALLER_ALSO_DOT : change) |
		       (d->args[3] & AT_EMPTY_PATH ? CALLER_OR_ITSELF : 0);
	case SYS_linkat:
		return d->args[4] & AT_SYMLINK_FOLLOW ? CALLER_FOLLOW : 0;
	case SYS_fchmodat:
	case SYS_setxattr:
	case SYS_removexattr:
		return change;
	case SYS_lsetxattr:
	case SYS_lremovexattr:
		return CALLER_ALSO_DOT;
	case SYS_truncate:
		return CALLER_FOLLOW;
#ifdef SYS_open
	case SYS_open:
		return how_opened(d->args[1]);
	case SYS_creat:
		return CALLER_FOLLOW;
	case SYS_lchown:
		return CALLER_ALSO_DOT;
	case SYS_chmod:
	case SYS_chown:
	case SYS_utime:
	case SYS_utimes:
	case SYS_futimesat:
		return change;
#endif
	}
	return 0;
}
