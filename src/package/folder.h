/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of packages: removing whole trees, and one change at a time. */
#ifndef APPSILO_PACKAGE_FOLDER_H
#define APPSILO_PACKAGE_FOLDER_H

#include "base/error.h"
#include <stdbool.h>

/** Remove @name below @parent_fd and all in it, never following a link, never leaving the file
 * system's tree by "..". Missing is fine. Returns 0; -errno. */
int folder_remove(int parent_fd, const char *name) must_check;

/**
 * Open DATA_DIR/packages, making it when @make, and lock it against other installs.
 * @wait  false: -EWOULDBLOCK when another process holds the lock
 * Returns a directory fd, whose closing unlocks; -ENOENT; -errno with the line.
 */
int folder_lock(const char *data_dir, bool make, bool wait, struct appsilo_error *err) must_check;

#endif
