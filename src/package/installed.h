/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where installed packages are: `packages/<full name>/` below the user's data directory, and
 * below /var/lib/appsilo for the whole machine. The directory's name is the only index, so
 * that one rename installs. Plain C without libraries.
 */
#ifndef APPSILO_PACKAGE_INSTALLED_H
#define APPSILO_PACKAGE_INSTALLED_H

#include "base/error.h"
#include "manifest/identity.h"
#include <limits.h>

#define INSTALLED_MACHINE_DIR "/var/lib/appsilo"
#define INSTALLED_PACKAGES "packages"
#define INSTALLED_ALIASES "aliases"

struct installed_package {
	struct package_identity identity; /* the publisher is in the record */
	char path[PATH_MAX];
	bool machine;
};

/**
 * Call @visit for each package below @data_dir, newest version of a family first.
 * @return what a non-zero @visit returned; 0; -errno (a missing directory has none)
 */
int installed_each(const char *data_dir, bool machine,
		   int (*visit)(void *data, const struct installed_package *package), void *data) must_check;

/**
 * Find the newest version of @family: the user's own first, then the machine's.
 * Returns 0; -ENOENT; -errno.
 */
int installed_find(const char *data_dir, const char *family, struct installed_package *ret) must_check;

/** Open its directory. Returns an O_DIRECTORY fd; -EPERM when it is not its owner's alone;
 * -errno with the line. */
int installed_open(const struct installed_package *package, struct appsilo_error *err) must_check;

#endif
