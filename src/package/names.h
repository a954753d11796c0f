/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files in a package. In the zip and in [Content_Types].xml they are
 * percent-encoded with "/", in the block map plain with "\". Inside appsilo: plain, "/".
 * ECMA-376 part 2 (Open Packaging Conventions), 7.3. Thread-safe.
 */
#ifndef APPSILO_PACKAGE_NAMES_H
#define APPSILO_PACKAGE_NAMES_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>

/**
 * Why @name cannot be in a package: not UTF-8, absolute, with "..", ".", "\", ":", control
 * or other characters that Windows refuses, an empty part, a part that ends with "." or a
 * space or is a device there, or too long. NULL when it can.
 */
const char *name_problem(const char *name);

/** Percent-encode. @ret is owned by the caller. Returns 0; -ENOMEM. */
int name_encode(const char *name, char **ret) must_check;

/**
 * Undo it. @encoded need not end with a NUL.
 * Returns 0 and a name owned by the caller, which name_problem() still has to judge; -EILSEQ for
 * a bad escape or one that stands for NUL, "/" or "\"; -ENOMEM.
 */
int name_decode(const char *encoded, size_t size, char **ret) must_check;

/** The form under which names that differ only in case are the same, and in which "/" sorts
 * before everything. Owned by the caller. Returns 0; -ENOMEM; -EILSEQ. */
int name_fold(const char *name, char **ret) must_check;

struct name_clash {
	size_t first, second; /* indices into the given list */
	bool folder; /* one is a file where the other has a folder */
};

/**
 * Look for two of @n valid names that are the same but for case, or of which one is a folder
 * of the other.
 * Returns 0 when there are none; 1 and @ret; -ENOMEM; -EILSEQ.
 */
int name_find_clash(const char *const *names, size_t n, struct name_clash *ret) must_check;

#endif
