/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the app is: the verified executable, never argv or a name the app can choose.
 * docs/ARCHITECTURE.md, Identity.
 */
#ifndef APPSILO_CLI_IDENTITY_H
#define APPSILO_CLI_IDENTITY_H

#include "base/error.h"
#include <limits.h>
#include <stdbool.h>

#define IDENTITY_NAME_MAX 64

struct identity {
	char exe[PATH_MAX];		    /* as found: what is executed */
	char real[PATH_MAX];		    /* every link resolved: what is judged */
	char app[IDENTITY_NAME_MAX];	    /* base name for people */
	char family[IDENTITY_NAME_MAX + 16]; /* package family name of the ad-hoc identity */
};

/**
 * Find @command the way execvp would, in @path, and derive its identity.
 * @cwd    for relative names
 * @once   nothing is kept or looked up under it: the path is enough, whoever may write there
 * Returns 0; -ENOENT (exit 127), -EACCES (exit 126) or another -errno, with the line.
 */
int identity_find(const char *command, const char *path, const char *cwd, bool once,
		  struct identity *ret, struct appsilo_error *err) must_check;

#endif
