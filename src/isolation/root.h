/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's root: a fresh tmpfs filled by the new mount API, then pivot_root. Runs in
 * the sandbox's init with capabilities in its own user namespace. docs/ARCHITECTURE.md,
 * File system view.
 */
#ifndef APPSILO_ISOLATION_ROOT_H
#define APPSILO_ISOLATION_ROOT_H

#include "isolation/plan.h"

/**
 * Build the root of @plan and make it this process's root; the old root is gone after it.
 * @ret_canary_fd  a writable place outside the view, for proving the fence; caller owns
 * Returns 0; -errno with the line in @err.
 */
int root_enter(const struct plan *plan, int *ret_canary_fd, struct appsilo_error *err) must_check;

#endif
