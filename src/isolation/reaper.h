/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of pid 1: start the app, pass signals on, reap, report the end. */
#ifndef APPSILO_ISOLATION_REAPER_H
#define APPSILO_ISOLATION_REAPER_H

#include "isolation/plan.h"

/**
 * Start plan->exe and stay until it ends; then kill what is left, report and exit.
 * All signals are blocked by the caller.
 * @slave_fd  the sandbox's terminal or -EBADF; the caller's session owns it
 */
void reaper_run(struct plan *plan, int slave_fd) __attribute__((noreturn));

#endif
