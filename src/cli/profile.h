/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the command profile share. docs/man/appsilo-profile.1.scd. */
#ifndef APPSILO_CLI_PROFILE_H
#define APPSILO_CLI_PROFILE_H

#include "cli/command.h"

#define PROFILE_MERGE_MAX 1000

/* As given; all borrowed. */
struct profile_wishes {
	const char *family, *run, *manifest, *folder;
	bool allow, stacks, html, json;
	unsigned int given; /* bits of option ids */
};

/** Report on what is on record. Returns 0; -errno with the line. */
int profile_report(const struct profile_wishes *wishes, struct appsilo_error *err) must_check;

/** The same for what reports have written: folders, CSV files, manifests. */
int profile_merge(const struct profile_wishes *wishes, char *const *inputs, size_t n,
		  struct appsilo_error *err) must_check;

#endif
