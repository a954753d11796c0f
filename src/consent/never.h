/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The never list: places that no question opens. Keys, credentials, browser profiles and
 * appsilo's own state do not exist for the app; shell start-up files cannot be written.
 * Pure functions of the user's home; DESIGN section 3. Thread-safe.
 */
#ifndef APPSILO_CONSENT_NEVER_H
#define APPSILO_CONSENT_NEVER_H

#include "base/cleanup.h"
#include "consent/types.h"

/* All absolute and clean; borrowed. */
struct never_places {
	const char *home;	/* the user's home */
	const char *data_dir;	/* appsilo's own */
	const char *profile;	/* the app's, inside data_dir; always open to it */
	const char *package;	/* its own files, which it may read; NULL: none */
	const char *cwd;	/* where the app starts, which has to be there; NULL: anywhere */
};

/**
 * What the list says of @path itself or of a listed place above it.
 * Returns CONSENT_ABSENT, CONSENT_DENY (for CONSENT_WRITE), CONSENT_ALLOW for the
 * profile and (reading) the package; CONSENT_DENY for the way to them and to the current
 * directory; or CONSENT_ASK: the list has no opinion.
 */
enum consent_verdict never_judge(const struct never_places *places, const char *path,
				 enum consent_access access);

/** Is @path a place of appsilo's own, that the app has no business in? No rule opens it, nor
 * does --override-never: who writes the store decides everything. */
bool never_is_own(const struct never_places *places, const char *path, enum consent_access access);

/** Could anything strictly below @folder, existing or not, be refused by the list, or be another
 * place in the sandbox than on the host? */
bool never_below(const struct never_places *places, const char *folder, enum consent_access access);

#endif
