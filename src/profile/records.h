/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of one or several profiled runs, in memory: read from the files that the broker
 * writes and that report writes, which are the same (consent/attempt.h). A file is not
 * believed: whatever is no line of ours is an error. An object belongs to one thread.
 */
#ifndef APPSILO_PROFILE_RECORDS_H
#define APPSILO_PROFILE_RECORDS_H

#include "consent/attempt.h"
#include <stddef.h>

#define RECORDS_FILE "AccessAttemptRecords.csv"
#define RECORDS_FILE_MAX (256 * 1024 * 1024) /* bytes of one file */
#define RECORDS_MAX 4000000

struct records {
	struct attempt *list; /* owned; texts in the blocks */
	size_t n;
	char **blocks; /* owned */
	size_t n_blocks;
};

/** Add what is in file @path. Returns 0; -EINVAL with file, line and column; -EFBIG; -errno. */
int records_load(struct records *records, const char *path, struct appsilo_error *err) must_check;

/** Order by time; what is there twice, as after reading one run twice, is there once. */
void records_sort(struct records *records);

/** Keep only those of @family. */
void records_filter(struct records *records, const char *family);

/** Write all of them. Returns 0; -errno. */
int records_write(const struct records *records, FILE *out) must_check;

void records_done(struct records *records);

#endif
