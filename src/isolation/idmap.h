/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root runs: the sandbox has an unprivileged uid of its own, and root's files are shown to
 * it as its own by idmapped mounts. Source: mount_setattr(2), MOUNT_ATTR_IDMAP.
 */
#ifndef APPSILO_ISOLATION_IDMAP_H
#define APPSILO_ISOLATION_IDMAP_H

#include "base/error.h"
#include <stdbool.h>
#include <sys/types.h>

/** A user namespace that maps our own ids to @uid and @gid. Returns an fd; -errno. */
int idmap_open(uid_t uid, gid_t gid) must_check;

/**
 * Make a user namespace that maps none of this process's ids, for file systems made in its own:
 * what is seen through it belongs to nobody. /proc is the host's still. No memory is allocated.
 * Returns a descriptor, close-on-exec; -errno, so where user namespaces do not nest.
 */
int idmap_nobody(void) must_check;

/**
 * Clone the host subtree at @path, detached, private, seen through @idmap_fd.
 * @links  whether links on the way are followed: appsilo's own places; never for a grant
 * Returns an fd; -ELOOP; -errno.
 */
int idmap_clone(const char *path, bool links, int idmap_fd) must_check;

/**
 * Where memory's file system cannot map ids (before Linux 6.3): give all of the folder @dir_fd to @uid and
 * @gid. Only for what is one run's alone. Links are given, not followed; what lies too deep, or is another
 * file system, stays as it is.
 * Returns 0; -EINVAL: it is no tmpfs; -errno.
 */
int idmap_give(int dir_fd, uid_t uid, gid_t gid) must_check;

#endif
