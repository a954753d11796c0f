/* SPDX-License-Identifier: Apache-2.0 */
/* Where appsilo's other programs are, and handing over to them. */
#ifndef APPSILO_CLI_PROGRAMS_H
#define APPSILO_CLI_PROGRAMS_H

#include "base/error.h"
#include <limits.h>

/** Path of this program. 0; -errno with the line. */
int programs_self(char ret[PATH_MAX], struct appsilo_error *err) must_check;

/** Path of helper program @name: beside us in a build tree, else in libexecdir. 0; -errno. */
int programs_find(const char *name, char ret[PATH_MAX], struct appsilo_error *err) must_check;

/** Become program @name with @argv. Returns only on failure: exit code 125, line in @err. */
int programs_exec(const char *name, char *const *argv, struct appsilo_error *err);

/** Become appsilo-tool with @argv. Returns only on failure: exit code 125, line in @err. */
int programs_exec_tool(char *const *argv, struct appsilo_error *err);

#endif
