/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On which day a remembered decision last decided something. Kept beside the store, a file a family
 * (used/FAMILY, all-packages for those of every app), because a change of the store wakes every broker: lines "DAY
 * RULE", appended once a day and rule at a run's end. It tells people what they could take back, and
 * decides nothing; what cannot be written or read is not known. Compiled for the front too.
 */
#ifndef APPSILO_CONSENT_USED_H
#define APPSILO_CONSENT_USED_H

#include "base/cleanup.h"
#include "consent/types.h"

#define USED_FOLDER "used"
/* Of one run: beyond this its rules are not marked. */
#define USED_RULES_MAX 16384
/* "2026-11-26" and a NUL. */
#define USED_DAY_SIZE 11

struct used;

/* A stored rule, as far as it is told from others. Borrowed. */
struct used_rule {
	const char *family; /* NULL: of this app or of every app */
	bool network;
	enum consent_target target; /* of a file, as @access */
	enum consent_access access;
	const char *what; /* path or host */
};

/* A run's side. NULL for @used does nothing. */

/** Returns NULL without memory. @family and @data_dir are borrowed. */
struct used *used_new(const char *data_dir, const char *family);

/** Thread-safe. */
void used_note(struct used *used, const struct used_rule *rule);

/** At the end: write what is not written yet today. */
void used_save(struct used *used);

/** In server mode every rule that the app has when its run begins is in force to the end: mark all of them. */
void used_mark_run(const char *data_dir, const char *family, int64_t began_ms);

/** Nothing is known of @family any more. */
void used_forget(const char *data_dir, const char *family);

/* A reader's side: one thread; families one after the other. */

struct used_reader;

/** Returns NULL without memory: then nothing is known. @data_dir is borrowed. */
struct used_reader *used_reader_new(const char *data_dir);

/** The last day on which @rule, kept since @since_ms, decided. Returns @ret; NULL when it is not known. */
const char *used_day(struct used_reader *reader, const struct used_rule *rule, int64_t since_ms, char ret[USED_DAY_SIZE]);

void used_reader_free(struct used_reader *reader);

DEFINE_CLEANUP(struct used_reader *, used_reader_free)

#endif
