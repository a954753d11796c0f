/* SPDX-License-Identifier: Apache-2.0 */
/* A minimal /dev: six nodes of the host, checked, a devpts of its own, the usual links. */
#ifndef APPSILO_ISOLATION_DEV_H
#define APPSILO_ISOLATION_DEV_H

#include "base/error.h"

/** Fill /dev below @root_fd. Returns 0; -errno with the line in @err. */
int dev_fill(int root_fd, struct appsilo_error *err) must_check;

/**
 * Open a new pseudo-terminal of the sandbox's own devpts (after root_enter()).
 * Both ends are close-on-exec and belong to the caller. Returns 0; -errno.
 */
int dev_open_pty(int *ret_master_fd, int *ret_slave_fd) must_check;

#endif
