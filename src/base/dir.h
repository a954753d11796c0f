/* SPDX-License-Identifier: Apache-2.0 */
/* Listing a directory without a stream: no heap, as few system calls as there can be. */
#ifndef APPSILO_BASE_DIR_H
#define APPSILO_BASE_DIR_H

#include "base/cleanup.h"

/**
 * Called for each name but "." and "..".
 * @dir_fd  the directory; borrowed
 * @type    DT_DIR, DT_REG, DT_LNK, ...; never DT_UNKNOWN unless the name went away
 * Return 0 to go on; anything else ends the listing and is returned.
 */
typedef int (*dir_visit_fn)(void *data, int dir_fd, const char *name, unsigned char type);

/**
 * Visit the names of directory @path, in the order the file system gives them.
 * @path  absolute; its last component must not be a link
 * Returns 0; what @visit returned; -errno when the directory cannot be read.
 */
int dir_each(const char *path, dir_visit_fn visit, void *data) must_check;

#endif
