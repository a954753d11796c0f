/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cheap check on start that an installed package is as it was installed: inode, size, mode
 * and change time of every file and folder. The kernel sets the change time at each change
 * of content or mode and gives no call to set it back, so nobody short of root changes a
 * byte unseen, and a start reads no content. Plain C without libraries. Thread-safe.
 */
#ifndef APPSILO_PACKAGE_STAMPS_H
#define APPSILO_PACKAGE_STAMPS_H

#include "base/error.h"

/**
 * Write the stamps of everything below @dir_fd (RECORD_DIR left out) to RECORD_DIR.
 * Call it last: what changes afterwards counts as damage.
 * @dir  names the directory in errors
 * Returns 0; -errno with the line.
 */
int stamps_write(int dir_fd, const char *dir, struct appsilo_error *err) must_check;

/**
 * Compare them.
 * Returns 0; -ESTALE naming the first difference; -errno with the line.
 */
int stamps_check(int dir_fd, const char *dir, struct appsilo_error *err) must_check;

#endif
