/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of one run: a file system of its own in memory, of a fixed size, in the server's
 * own mount namespace, which nobody else sees and which ends with the server. The program
 * may have planted anything in it (links, pipes, endless names): everything is reached below
 * a held descriptor, never by name from outside (CVE-2024-28185). One thread at a time.
 */
#ifndef APPSILO_SERVER_WORK_DIR_H
#define APPSILO_SERVER_WORK_DIR_H

#include "base/error.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define WORK_NAME_MAX 1024   /* bytes of a file's name with its folders */
#define WORK_DEPTH_MAX 16    /* folders of it */
#define WORK_VISIT_MAX 4096  /* names looked at when files are collected */
#define WORK_FILES_MAX 64    /* files collected */

#define WORK_OWN_FOLDER ".appsilo" /* the server's, in the work folder */

struct work_dir {
	char path[PATH_MAX];	  /* the mount point */
	char work_path[PATH_MAX]; /* what the program may write */
	char data_path[PATH_MAX]; /* the run's profile */
	int work_fd;		  /* owned */
};

struct work_file {
	char *name; /* owned */
	char *data; /* owned */
	size_t size;
	int64_t mtime_ns;
};

struct work_files {
	struct work_file *all; /* owned */
	size_t n;
	bool cut; /* there was more than the limits allow, or a name that is no text */
};

/**
 * Become alone with our mounts: a mount namespace, and as an ordinary user a user namespace,
 * of our own; then an empty file system over @place. Single-threaded only.
 */
int work_dir_setup(const char *place, struct appsilo_error *err) must_check;

/**
 * A folder of every system that can be covered: one that nobody can take away under the
 * mount, and that hides none of @kept (NULL-terminated). NULL: there is none.
 */
const char *work_dir_place(const char *const *kept);

/**
 * Make the folder @base/@name and mount @size_bytes of memory over it.
 * Returns 0; -errno with the line. work_dir_close() takes it away.
 */
int work_dir_open(const char *base, const char *name, uint64_t size_bytes, struct work_dir *ret,
		  struct appsilo_error *err) must_check;
void work_dir_close(struct work_dir *w);

/** Is @name a name for a file in the folder: text, relative, without "..", of a bearable size? */
bool work_dir_is_name(const char *name, size_t length);

/** Make the file @name and the folders above it. A file that is there is replaced, if the new one is whole.
 * Returns 0; -EISDIR; -ENOSPC; -errno. */
int work_dir_write(const struct work_dir *w, const char *name, const void *data, size_t size,
		   bool executable) must_check;

/** Read one regular file. Returns 0; -ENOENT; -ELOOP; -EFBIG; -EINVAL (no regular file). */
int work_dir_read(const struct work_dir *w, const char *name, size_t max_bytes,
		  struct work_file *ret) must_check;

/** Remove a file. Returns 0; -errno. */
int work_dir_remove(const struct work_dir *w, const char *name) must_check;

/**
 * The regular files, at most @max_bytes of them. @wanted says which, with the file's size.
 * With @names_only their contents are not read.
 */
int work_dir_collect(const struct work_dir *w, size_t max_bytes, bool names_only,
		     bool (*wanted)(void *data, const char *name), void *data,
		     struct work_files *ret) must_check;
void work_file_done(struct work_file *f);
void work_files_done(struct work_files *f);

#endif
