/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a package with what was decided about it, and its profile. */
#ifndef APPSILO_CLI_UNINSTALL_H
#define APPSILO_CLI_UNINSTALL_H

#include "cli/packages.h"

/**
 * Uninstall @package.
 * @ret_count  how many decisions went with it
 * Returns 0; -errno with the line: interrupted, it can be uninstalled again.
 */
int uninstall(const struct package_places *places, const struct installed_package *package,
	      bool keep_profile, int *ret_count, struct appsilo_error *err) must_check;

#endif
