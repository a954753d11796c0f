/* SPDX-License-Identifier: Apache-2.0 */
/* Where appsilo keeps a user's things (docs/ARCHITECTURE.md, File places). */
#ifndef APPSILO_CLI_PLACES_H
#define APPSILO_CLI_PLACES_H

#include "base/error.h"
#include <limits.h>
#include <stdbool.h>

struct places {
	char home[PATH_MAX];	 /* the user's home, without links: rules are by real path */
	char user_name[64];	 /* safe for /etc/passwd */
	char data_dir[PATH_MAX]; /* $XDG_DATA_HOME/appsilo or ~/.local/share/appsilo */
};

/** Find them from the environment and the user database. Returns 0; -errno with the line. */
int places_find(struct places *ret, struct appsilo_error *err) must_check;

/**
 * The path the kernel will name @given by (relative: to the current directory): links are
 * resolved as far as it exists, a dangling one too; what is missing stays as written.
 * Returns 1 when it exists; 0 when it does not yet; -ELOOP; -ENAMETOOLONG; -errno.
 */
int places_resolve(const char *given, char ret[PATH_MAX]) must_check;

/**
 * True for what a sandbox makes for itself, /proc, /sys and /dev (but not what lies below
 * /dev/shm): nothing of the host's can be granted there. @path is resolved.
 */
bool places_is_made(const char *path);

/** Where the profile directory of @family is, or would be. Returns 0; -ENAMETOOLONG. */
int places_profile_path(const struct places *places, const char *family, char ret[PATH_MAX]) must_check;

/**
 * Make (0700, ours) and open the profile directory of @family.
 * A symlink or somebody else's directory on the way is refused (CVE-2024-42472).
 * @ret_path  absolute path
 * Returns an O_PATH descriptor; -errno with the line.
 */
int places_open_profile(const struct places *places, const char *family,
			char ret_path[PATH_MAX], struct appsilo_error *err) must_check;

#endif
