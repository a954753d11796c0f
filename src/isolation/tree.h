/* SPDX-License-Identifier: Apache-2.0 */
/* Small steps of building a mount tree below a held root descriptor. Used by root.c, dev.c. */
#ifndef APPSILO_ISOLATION_TREE_H
#define APPSILO_ISOLATION_TREE_H

#include "base/error.h"
#include <stdint.h>
#include <sys/types.h>

/** Mount a new file system of @type detached. @options: key, value pairs, NULL-ended; a
 * NULL value is a flag. @attributes K_MOUNT_ATTR_*. Returns an fd; -errno. */
int tree_new_fs(const char *type, const char *const *options, unsigned int attributes) must_check;

/** Clone the subtree at @path below @dir_fd ("" for itself). Returns a detached fd; -errno. */
int tree_clone(int dir_fd, const char *path) must_check;

/** As tree_clone(), with the mount attributes @attributes set on all of it. An fd; -errno. */
int tree_clone_as(int dir_fd, const char *path, uint64_t attributes) must_check;

/**
 * As tree_clone() of absolute @path, but with no link anywhere on the way: a granted folder
 * that an earlier run replaced with one is refused (CVE-2024-42472). Returns an fd; -ELOOP.
 */
int tree_clone_straight(const char *path) must_check;

/** Set @set and clear @clear mount attributes on a detached or attached tree, recursively. */
int tree_attributes(int tree_fd, uint64_t set, uint64_t clear) must_check;

/**
 * Open @path (absolute) below @root_fd with O_PATH, making missing directories with @mode.
 * @file  make the last component a regular file. Symlinks are never followed (CVE-2026-87766).
 * Returns an fd; -errno.
 */
int tree_make(int root_fd, const char *path, mode_t mode, int file) must_check;

/** Move detached @tree_fd onto @target_fd. Returns 0; -errno. */
int tree_move(int tree_fd, int target_fd) must_check;

/** tree_make() and tree_move() in one. Returns 0; -errno. */
int tree_place(int tree_fd, int root_fd, const char *path, mode_t mode, int file) must_check;

/**
 * Make @name (a directory with @mode, or an empty file when @file) in a folder of our own
 * tmpfs and move @tree_fd onto it. The folder is not reachable by anybody else yet.
 * Returns 0; -errno.
 */
int tree_place_at(int tree_fd, int dir_fd, const char *name, mode_t mode, int file) must_check;

#endif
