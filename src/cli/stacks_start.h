/* SPDX-License-Identifier: Apache-2.0 */
/* Starting appsilo-stacks, which reads the call stacks of a profiled run. docs/ARCHITECTURE.md, Profiler. */
#ifndef APPSILO_CLI_STACKS_START_H
#define APPSILO_CLI_STACKS_START_H

#include "base/error.h"
#include "isolation/plan.h"

/**
 * Start it for @plan; in a root run it gets the app's uid. It dies with the calling process.
 * @ret_fd  its socket (stacks/wire.h), owned
 * Returns 0; -errno with the line.
 */
int stacks_start(const struct plan *plan, int *ret_fd, struct appsilo_error *err) must_check;

#endif
