/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alias files: small scripts whose first line starts the front, in a folder that the user
 * may put on PATH. Nothing that is not an alias of the same package is ever overwritten.
 */
#ifndef APPSILO_PACKAGE_ALIAS_H
#define APPSILO_PACKAGE_ALIAS_H

#include "base/error.h"
#include <stdbool.h>

/**
 * Make alias @name in @folder for application @app of @family.
 * @program  absolute path of the front
 * Returns 0; -EEXIST when something else has the name; -errno with the line.
 */
int alias_make(const char *folder, const char *name, const char *family, const char *app,
	       const char *program, struct appsilo_error *err) must_check;

/** Is @name in @folder an alias of @family? */
bool alias_is_of(const char *folder, const char *name, const char *family);

/**
 * Remove the aliases in @folder whose family @is_gone says so of.
 * Returns how many; -errno with the line.
 */
int alias_sweep(const char *folder, int (*is_gone)(void *data, const char *family), void *data,
		struct appsilo_error *err) must_check;

#endif
