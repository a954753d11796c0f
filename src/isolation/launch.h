/* SPDX-License-Identifier: Apache-2.0 */
/* Start the sandbox's init in its new namespaces. Called by the single-threaded launcher. */
#ifndef APPSILO_ISOLATION_LAUNCH_H
#define APPSILO_ISOLATION_LAUNCH_H

#include "isolation/plan.h"
#include <sys/types.h>

/**
 * Make the namespaces in one clone and run init_run(@plan) in the child.
 * @ret_pid    init's pid as seen here
 * @ret_pidfd  its pidfd, close-on-exec; the caller's
 * Returns 0; -errno with a line that names the setting that forbids it.
 */
int launch_init(struct plan *plan, pid_t *ret_pid, int *ret_pidfd,
		struct appsilo_error *err) must_check;

/**
 * Enter the broker's own user and mount namespaces (U1, M1): the host's files as the user
 * sees them. For an unprivileged launcher. Returns 0; -errno with the line.
 */
int launch_enter_outer(uid_t uid, gid_t gid, struct appsilo_error *err) must_check;

/** Fill @err with why namespaces were refused with @code: which setting, what to do. Returns @code. */
int launch_explain(int code, struct appsilo_error *err);

#endif
