/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest of a profile: found, read, added to, written. */
#ifndef APPSILO_CLI_PROFILE_MANIFEST_H
#define APPSILO_CLI_PROFILE_MANIFEST_H

#include "cli/profile.h"
#include "manifest/manifest.h"
#include "profile/report.h"

struct profile_manifest {
	struct manifest *list; /* owned; those that were read, to be merged */
	size_t n;
	char *text; /* owned; of the first of them */
	size_t size;
	char path[PATH_MAX]; /* that was written */
};

/** Read one of those that are merged. Returns 0; -errno with the line. */
int profile_manifest_read(struct profile_manifest *pm, const char *path, struct appsilo_error *err) must_check;

/**
 * Add what @report found to a manifest: the one named (a copy, where it is another package's), one that
 * was read, or the installed package's. Where there is one, @report becomes a package's.
 * Returns 0, also where there is none; -errno with the line.
 */
int profile_manifest_write(struct profile_manifest *pm, const struct places *places,
			   const struct profile_wishes *wishes, struct report *report,
			   struct appsilo_error *err) must_check;

/** Of manifests alone: all that any of them declares. Returns 0; -errno with the line. */
int profile_manifest_merge(struct profile_manifest *pm, const struct profile_wishes *wishes,
			   struct appsilo_error *err) must_check;

void profile_manifest_done(struct profile_manifest *pm);

#endif
