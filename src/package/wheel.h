/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wheels (PEP 427): zips of modules, unpacked without running anything of them. They are
 * other people's: names, sizes and kinds of entries are checked.
 */
#ifndef APPSILO_PACKAGE_WHEEL_H
#define APPSILO_PACKAGE_WHEEL_H

#include "package/python.h"
#include "package/stage.h"

#define WHEEL_ENTRIES_MAX 100000
#define WHEEL_BYTES_MAX (4ull << 30) /* unpacked */

/**
 * Unpack the modules of @path into @site (as seen inside). Scripts, headers and data of the
 * wheel are left out.
 * Returns 0; -EINVAL when it is no wheel or not one for this Python; -EBADMSG when damaged
 * or hostile; -EEXIST when another wheel has a file of the same name; -EFBIG; -errno with the line.
 */
int wheel_add(struct stage *stage, const char *path, const struct python_facts *facts,
	      const char *site, struct appsilo_error *err) must_check;

/** Why a wheel of this file name does not fit @facts; NULL when it does. */
const char *wheel_problem(const char *name, const struct python_facts *facts);

#endif
