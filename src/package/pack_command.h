/* SPDX-License-Identifier: Apache-2.0 */
/* A package of any program: the program, its libraries, a script's interpreter. */
#ifndef APPSILO_PACKAGE_PACK_COMMAND_H
#define APPSILO_PACKAGE_PACK_COMMAND_H

#include "package/pack_python.h"

struct pack_command_options {
	struct pack_options common;
	const char *program; /* absolute; may be a link */
	const char *path;    /* where a script's `env` looks; folders separated by ":" */
	struct pack_list extra; /* files and folders below /usr that go along */
};

/**
 * Fill the empty @stage with a program.
 * @ret    release with manifest_done() in any case
 * Returns 0; -ENOEXEC when it is neither a program nor a script; -errno with the line.
 */
int pack_command(struct stage *stage, const struct pack_command_options *options,
		 struct manifest *ret, struct appsilo_error *err) must_check;

/**
 * The interpreter that the first line of a script names.
 * @text  the first bytes of the file, NUL-terminated
 * @path  where `env NAME` looks
 * Returns 0 and an absolute path; 1 when @text is no script; -ENOENT when it is not found or
 * the line is cut off.
 */
int pack_interpreter(const char *text, const char *path, char ret[PATH_MAX]) must_check;

/** The relative text of a link at @from to @to, both absolute and clean. 0; -ENAMETOOLONG. */
int pack_relative(const char *from, const char *to, char ret[PATH_MAX]) must_check;

#endif
