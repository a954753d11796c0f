/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's /etc: a chosen few of the host's entries, the rest made up. */
#ifndef APPSILO_ISOLATION_ETC_H
#define APPSILO_ISOLATION_ETC_H

#include "isolation/plan.h"

/** Fill /etc below @root_fd. Returns 0; -errno with the line in @err. */
int etc_fill(int root_fd, const struct plan *plan, struct appsilo_error *err) must_check;

/**
 * Show the files and folders of the package's VFS/etc, read-only, over what etc_fill() made.
 * Returns 0; -errno with the line.
 */
int etc_add_package(int root_fd, int package_fd, struct appsilo_error *err) must_check;

#endif
