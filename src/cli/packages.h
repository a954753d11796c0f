/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about installed packages share. */
#ifndef APPSILO_CLI_PACKAGES_H
#define APPSILO_CLI_PACKAGES_H

#include "cli/command.h"
#include "package/install.h"

/* The strings of the places, for as long as the command runs. */
struct package_places {
	struct places user;
	char program[PATH_MAX], desktop_dir[PATH_MAX];
	struct install_places install;
};

/** Find them. @machine: for all users, needs root. Returns 0; -errno with the line. */
int packages_places(bool machine, struct package_places *ret, struct appsilo_error *err) must_check;

/**
 * The installed package that a person names: family name, full name, or Name when only one
 * matches. Returns 0; -ENOENT or -EEXIST with the line.
 */
int packages_find(const struct package_places *places, const char *name,
		  struct installed_package *ret, struct appsilo_error *err) must_check;

#endif
