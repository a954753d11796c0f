/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls newer than the C libraries and headers we build with. Numbers are those of
 * the unified table (the same on every architecture from 424 on). Every wrapper returns
 * the call's result or -1 with errno, like libc. Probed at run time, never at build time.
 */
#ifndef APPSILO_ISOLATION_KERNEL_H
#define APPSILO_ISOLATION_KERNEL_H

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

#define K_OPEN_TREE 428
#define K_MOVE_MOUNT 429
#define K_FSOPEN 430
#define K_FSCONFIG 431
#define K_FSMOUNT 432
#define K_PIDFD_OPEN 434
#define K_CLOSE_RANGE 436
#define K_OPENAT2 437
#define K_PIDFD_GETFD 438
#define K_MOUNT_SETATTR 442
#define K_OPEN_TREE_ATTR 467
#define K_LANDLOCK_CREATE_RULESET 444
#define K_LANDLOCK_ADD_RULE 445
#define K_LANDLOCK_RESTRICT_SELF 446

#define K_OPEN_TREE_CLONE 1
#define K_AT_RECURSIVE 0x8000
#define K_AT_EMPTY_PATH 0x1000
#define K_MOVE_MOUNT_F_EMPTY_PATH 0x04
#define K_MOVE_MOUNT_T_EMPTY_PATH 0x40
#define K_FSMOUNT_CLOEXEC 1
#define K_FSOPEN_CLOEXEC 1
#define K_FSCONFIG_SET_FLAG 0
#define K_FSCONFIG_SET_STRING 1
#define K_FSCONFIG_CMD_CREATE 6
#define K_MOUNT_ATTR_RDONLY 0x01
#define K_MOUNT_ATTR_NOSUID 0x02
#define K_MOUNT_ATTR_NODEV 0x04
#define K_MOUNT_ATTR_NOEXEC 0x08
#define K_MOUNT_ATTR_IDMAP 0x00100000

#define K_RESOLVE_NO_MAGICLINKS 0x02
#define K_RESOLVE_NO_SYMLINKS 0x04
#define K_RESOLVE_BENEATH 0x08
#define K_RESOLVE_IN_ROOT 0x10

/* Linux 6.9: of a thread that is not its process's first. */
#define K_PIDFD_THREAD O_EXCL
#define K_KCMP_FILE 0
#define K_KCMP_EPOLL_TFD 7

/* kcmp(2): an entry of an epoll(7) set. */
struct k_epoll_slot {
	uint32_t epoll_fd, fd, index;
};

struct k_mount_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

struct k_open_how {
	uint64_t flags, mode, resolve;
};

/* The head of struct statx(2), as far as the type of a file needs it. */
struct k_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	unsigned char times[64];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	unsigned char rest[112];
};

#define K_STATX_TYPE 1u
#define K_STATX_ATTR_MOUNT_ROOT 0x2000u
#define K_AT_STATX_DONT_SYNC 0x4000

/* Linux 6.6: wake whoever listens to a seccomp filter on its caller's processor. Older kernels
 * refuse, and it only takes longer. */
static inline void k_notif_wake_here(int listener_fd)
{
	(void)ioctl(listener_fd, SECCOMP_IOW(4, uint64_t), 1);
}

static inline int k_open_tree(int dir_fd, const char *path, unsigned int flags)
{
	return (int)syscall(K_OPEN_TREE, dir_fd, path, flags);
}

static inline int k_open_tree_attr(int dir_fd, const char *path, unsigned int flags,
				   struct k_mount_attr *attr)
{
	return (int)syscall(K_OPEN_TREE_ATTR, dir_fd, path, flags, attr, sizeof(*attr));
}

static inline int k_move_mount(int from_fd, const char *from, int to_fd, const char *to,
			       unsigned int flags)
{
	return (int)syscall(K_MOVE_MOUNT, from_fd, from, to_fd, to, flags);
}

static inline int k_fsopen(const char *type)
{
	return (int)syscall(K_FSOPEN, type, K_FSOPEN_CLOEXEC);
}

static inline int k_fsconfig(int fs_fd, unsigned int command, const char *key, const void *value,
			     int aux)
{
	return (int)syscall(K_FSCONFIG, fs_fd, command, key, value, aux);
}

static inline int k_fsmount(int fs_fd, unsigned int attributes)
{
	return (int)syscall(K_FSMOUNT, fs_fd, K_FSMOUNT_CLOEXEC, attributes);
}

static inline int k_mount_setattr(int dir_fd, const char *path, unsigned int flags,
				  struct k_mount_attr *attr)
{
	return (int)syscall(K_MOUNT_SETATTR, dir_fd, path, flags, attr, sizeof(*attr));
}

static inline int k_openat2_new(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct k_open_how how = {.flags = flags, .mode = mode, .resolve = resolve};

	return (int)syscall(K_OPENAT2, dir_fd, path, &how, sizeof(how));
}

static inline int k_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	return k_openat2_new(dir_fd, path, flags, 0, resolve);
}

static inline int k_statx(int dir_fd, const char *path, int flags, unsigned int mask,
			  struct k_statx *ret)
{
	return (int)syscall(SYS_statx, dir_fd, path, flags, mask, ret);
}

/* On which device, by what the kernel itself knows: a brokered view is not asked, which would be a question to
 * whoever asks. Returns 0; -1. */
static inline int k_device(int fd, dev_t *ret)
{
	struct k_statx at;

	if (k_statx(fd, "", AT_EMPTY_PATH | K_AT_STATX_DONT_SYNC, 0, &at) < 0)
		return -1;
	*ret = makedev(at.dev_major, at.dev_minor);
	return 0;
}

static inline int k_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)syscall(K_CLOSE_RANGE, first, last, flags);
}

#endif
