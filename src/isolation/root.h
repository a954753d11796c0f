/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's root: a fresh tmpfs filled by the new mount API, then pivot_root. Runs in
 * the sandbox's init with capabilities in its own user namespace. docs/ARCHITECTURE.md,
 * File system view.
 */
#ifndef APPSILO_ISOLATION_ROOT_H
#define APPSILO_ISOLATION_ROOT_H

#include "isolation/plan.h"

struct root_built {
	int canary_fd;	   /* a writable place outside the view, for proving the fence; owned */
	uint32_t attached; /* which of the broker's folders are shown; control.h */
	bool go;	   /* the app may start without another word */
	bool report;	   /* calls that write are to be reported to the broker */
};

/**
 * Build the root of @plan and make it this process's root, for all its threads. The old root
 * is still mounted below it, out of the way of any path.
 * A partial plan is completed on the way. With a brokered view, the broker is asked for the folders
 * that are attached from the start, and for the plan's ports of the host's loopback.
 * @ret  canary_fd is to be -EBADF before
 * Returns 0; -errno with the line in @err.
 */
int root_enter(struct plan *plan, struct root_built *ret, struct appsilo_error *err) must_check;

/**
 * Take the old root away for good. For the thread that called root_enter(), which has a
 * current directory of its own since then.
 * Returns 0; -errno with the line in @err.
 */
int root_leave_old(struct appsilo_error *err) must_check;

#endif
