/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Python installation: what its own interpreter says of it. The interpreter is the only
 * thing that packing runs, with a clean environment, isolated (-I -S), without input. The
 * person who packs has named it.
 */
#ifndef APPSILO_PACKAGE_PYTHON_H
#define APPSILO_PACKAGE_PYTHON_H

#include "base/error.h"
#include <limits.h>

#define PYTHON_ANSWER_MAX 65536 /* bytes */
#define PYTHON_TIME_MS 60000

struct python_facts {
	char program[PATH_MAX]; /* the interpreter, links resolved */
	char version[32];	/* 3.11.2 */
	unsigned int major, minor, micro;
	char prefix[PATH_MAX];	/* links resolved */
	char stdlib[PATH_MAX];
	char site[PATH_MAX];	/* where third parties' modules go, below the prefix */
	char ca_file[PATH_MAX]; /* where its OpenSSL looks for certificates; "" without ssl */
	char zones[PATH_MAX];	/* its first folder of time zones that exists; "" without one */
};

/**
 * Find the interpreter of @prefix and ask it.
 * Returns 0; -ENOENT when @prefix holds no Python; -EINVAL when it is a virtual environment or
 * says strange things; -ETIMEDOUT; -errno with the line.
 */
int python_ask(const char *prefix, struct python_facts *ret, struct appsilo_error *err) must_check;

/**
 * Compile the modules below @folder, as if they lay at @shown_at. The files are checked
 * against nothing when they are loaded: a package's files do not change. What does not
 * compile stays as it is.
 * @tell  called now and then meanwhile; negative: stop, and fail with that
 */
int python_compile(const struct python_facts *facts, const char *folder, const char *shown_at,
		   int (*tell)(void *data), void *data, struct appsilo_error *err) must_check;

#endif
