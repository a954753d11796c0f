/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock as the second layer below the mount view. Source: landlock(7), kernel
 * Documentation/userspace-api/landlock.rst. Single-threaded use, before exec.
 */
#ifndef APPSILO_ISOLATION_LANDLOCK_H
#define APPSILO_ISOLATION_LANDLOCK_H

#include "base/error.h"
#include <stdbool.h>

enum landlock_grant {
	LANDLOCK_SEE,	 /* list, read, execute */
	LANDLOCK_DEVICE, /* read, write, ioctl: device nodes */
	LANDLOCK_CHANGE, /* everything but making device nodes */
};

/** The kernel's Landlock ABI version; -ENOSYS or -EOPNOTSUPP when it has none. */
int landlock_abi(void);

/* From this version on TCP can be refused: Linux 6.7. */
#define LANDLOCK_ABI_TCP 4

/**
 * New ruleset that handles all the kernel knows of files, and scopes.
 * @no_tcp  and refuses every connect and bind of TCP
 * Returns an fd; -errno.
 */
int landlock_new(int abi, bool no_tcp) must_check;

/**
 * Allow @grant below @path (resolved from the present root).
 * A path that does not exist is skipped: nothing is allowed there. Returns 0; -errno.
 */
int landlock_allow(int ruleset_fd, int abi, const char *path, enum landlock_grant grant) must_check;

/** Enforce for this process and all its children. Needs no_new_privs. Returns 0; -errno. */
int landlock_enforce(int ruleset_fd) must_check;

#endif
