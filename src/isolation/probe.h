/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel, and what surrounds us on it (a container), lets appsilo do: each part is
 * tried, in a child that ends right after, and nothing is concluded from versions.
 */
#ifndef APPSILO_ISOLATION_PROBE_H
#define APPSILO_ISOLATION_PROBE_H

#include "base/cleanup.h"

enum probe {
	PROBE_USER_NAMESPACE, /* user and mount namespaces, id maps */
	PROBE_NAMESPACES,     /* pid, ipc, uts, cgroup, net */
	PROBE_MOUNT_API,      /* fsopen, open_tree, move_mount, mount_setattr */
	PROBE_PROC,	      /* a proc mount for a pid namespace of our own */
	PROBE_CALLS,	      /* openat2, close_range, statx */
	PROBE_LANDLOCK,
	PROBE_SECCOMP,	      /* a filter */
	PROBE_SECCOMP_NOTIFY, /* a filter with a listener */
	PROBE_FUSE,	      /* /dev/fuse, mounted */
	PROBE_TUNNEL,	      /* /dev/net/tun, and a device of it */
};

/** Try it. Returns 0 when it works; -errno; -EPERM also when the attempt was killed. */
int probe(enum probe what) must_check;

#endif
