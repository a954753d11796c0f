/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that are carried out for the app. Where it reaches a file by a read-only mount, but may
 * write that one file, the kernel would refuse its call with EROFS, and the mount cannot go: the
 * app may work in it (its current directory, open folders), and would stay in it, cut off from all
 * else. So the attach helper makes the call, on the brokered view, which judges it like any other.
 */
#ifndef APPSILO_BROKER_PERFORM_H
#define APPSILO_BROKER_PERFORM_H

#include "base/error.h"
#include <limits.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum perform_kind {
	PERFORM_OPEN,
	PERFORM_TRUNCATE,
	PERFORM_UNLINK,
	PERFORM_MKDIR,
	PERFORM_MKNOD,
	PERFORM_CHMOD,
	PERFORM_CHOWN,
	PERFORM_UTIMENS,
	PERFORM_RENAME,
	PERFORM_LINK,
	PERFORM_SYMLINK,
	PERFORM_SETXATTR,
	PERFORM_REMOVEXATTR,
};

/* A call, copied out of the caller. */
struct perform_call {
	uint32_t kind;
	int32_t flags; /* the call's own; of them count open's, renameat2's and AT_REMOVEDIR: links were followed before */
	uint32_t mode, umask; /* of PERFORM_SETXATTR: XATTR_CREATE, XATTR_REPLACE */
	uint32_t uid, gid;
	uint64_t size, size_max;  /* PERFORM_TRUNCATE; bytes */
	struct timespec times[2]; /* PERFORM_UTIMENS */
	char path[2][PATH_MAX];	  /* absolute, as the sandbox sees them; clean, but for a slash at the end */
	char name[256];		  /* of an extended attribute */
	uint32_t value_size;
	char value[PATH_MAX]; /* of an extended attribute; of a link, what it says */
};

/**
 * Copy the arguments of a call out of the caller; its paths are filled in by whoever judged them.
 * Returns 0; -ENOSYS if it is no call that can be carried out; -errno, what the caller would get.
 */
int perform_read(pid_t pid, const struct seccomp_data *d, struct perform_call *ret) must_check;

/**
 * In a child of the attach helper, without any capability: make the call.
 * @view_fd  the root of the brokered view
 * @folder_fd  of PERFORM_OPEN, the user's own folder behind the path's, or negative: what was opened on
 *             the view is opened there once more, so that it is the file that the app's mount shows
 *             (locks, mappings), at native speed
 * Returns 0, or the new descriptor of PERFORM_OPEN; -errno.
 */
int perform_make(int view_fd, int folder_fd, const struct perform_call *call) must_check;

#endif
