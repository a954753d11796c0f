/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which libraries a set of programs and modules needs, found as the system's loader would
 * find them, without running anything: DT_NEEDED along DT_RPATH, DT_RUNPATH, the folders of
 * /etc/ld.so.conf and the built-in ones. ld.so(8). One object is used by one thread.
 */
#ifndef APPSILO_PACKAGE_NEEDS_H
#define APPSILO_PACKAGE_NEEDS_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

#define NEEDS_LIBRARIES_MAX 4096
#define NEEDS_FOLDERS_MAX 256

struct needs_library {
	char *name; /* as it is asked for, without a folder; owned */
	char *path; /* where it really is; owned */
};

struct needs {
	char *folders[NEEDS_FOLDERS_MAX]; /* the loader's own; owned */
	size_t n_folders;
	char *program_rpath; /* of the program: holds for all it loads; owned or NULL */
	char *program_path;  /* owned or NULL */
	char *interpreter;   /* the loader of the programs so far; owned or NULL */
	uint16_t machine;    /* of the first file; 0 before */
	struct needs_library *libraries; /* owned */
	size_t n_libraries;
};

/** Read where the loader looks. Returns 0; -ENOMEM. Release with needs_done(). */
int needs_init(struct needs *ret, struct appsilo_error *err) must_check;
void needs_done(struct needs *needs);

/**
 * Add what @path needs, and what that needs, to the libraries.
 * @path    a program, library or module; absolute, real
 * @source  where it was copied from: $ORIGIN means this folder, too; may be NULL
 * Returns 0; 1 when it is no ELF file; -ENOENT naming the missing library and the file that
 * asks for it; -ENOTSUP, -EBADMSG, -EXDEV (another machine's), -E2BIG, -errno with the line.
 * After a failure nothing has been added.
 */
int needs_follow(struct needs *needs, const char *path, const char *source,
		 struct appsilo_error *err) must_check;

/** Add library @name, with what it needs, if the loader finds it. Returns 0, found or not. */
int needs_add_library(struct needs *needs, const char *name, struct appsilo_error *err) must_check;

/** True when a library whose name starts with @prefix is among them. */
bool needs_has(const struct needs *needs, const char *prefix);

#endif
