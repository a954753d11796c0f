/* SPDX-License-Identifier: Apache-2.0 */
/* Absolute paths as byte strings; no file system access. Thread-safe. */
#ifndef APPSILO_BASE_PATH_H
#define APPSILO_BASE_PATH_H

#include "base/cleanup.h"
#include <stdbool.h>

/**
 * Make @path absolute and lexically clean: no "//", "/./", "..", or trailing slash.
 * @cwd   absolute; used when @path is relative
 * @ret   buffer of @size bytes
 * Returns 0; -EINVAL when @path is empty or @cwd not absolute; -ENAMETOOLONG.
 */
int path_clean(const char *cwd, const char *path, char *ret, size_t size) must_check;

/** True when @path is @folder or lies below it. Both absolute and clean. "/" holds all. */
bool path_is_under(const char *path, const char *folder);

/** Length of the parent of clean absolute @path of @length bytes; 1 for "/x", 0 for "/". */
size_t path_parent_length(const char *path, size_t length);

/** Last component of clean absolute @path; "/" for the root. Points into @path. */
const char *path_base(const char *path);

/**
 * Cut @path, which need not be clean, before its last name: what is before goes to @folder, with its slash
 * ("": nothing). Returns the name, with a slash behind it if there is one. Points into @path.
 */
const char *path_split(const char *path, char *folder, size_t size);

/** Join @folder and @name with one slash into @ret. Returns 0; -ENAMETOOLONG. */
int path_join(const char *folder, const char *name, char *ret, size_t size) must_check;

#endif
