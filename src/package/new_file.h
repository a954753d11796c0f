/* SPDX-License-Identifier: Apache-2.0 */
/* A file that appears under its name in one step, once it is whole. */
#ifndef APPSILO_PACKAGE_NEW_FILE_H
#define APPSILO_PACKAGE_NEW_FILE_H

#include "base/error.h"
#include <limits.h>
#include <stdbool.h>

struct new_file {
	int fd; /* read-write */
	char temporary[PATH_MAX], path[PATH_MAX];
};

/** Make a temporary file beside @path. Returns 0; -errno with the line. */
int new_file_open(const char *path, struct new_file *ret, struct appsilo_error *err) must_check;
/** Give it its name; @sync: after it is on the disk. Returns 0; -errno with the line. */
int new_file_commit(struct new_file *file, bool sync, struct appsilo_error *err) must_check;
/** Close it; without a commit it is removed. */
void new_file_done(struct new_file *file);

#endif
