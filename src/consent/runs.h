/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of run records, one file a run: what `appsilo why` reads. The newest are kept.
 * Compiled for the front too. Thread-safe: no state.
 */
#ifndef APPSILO_CONSENT_RUNS_H
#define APPSILO_CONSENT_RUNS_H

#include "base/error.h"
#include <stdint.h>
#include <sys/types.h>

#define RUNS_KEPT 100
#define RUNS_ID_MAX 40

/**
 * The id of a run whose record began at @time_ms (since 1970): ids sort by age as text does, and the pid of
 * its launcher tells apart those of one millisecond.
 */
void runs_make_id(int64_t time_ms, pid_t pid, char ret[RUNS_ID_MAX]);

/**
 * Make the record of run @id below @data_dir and forget the oldest.
 * Returns a descriptor to append JSON lines to; -errno.
 */
int runs_create(const char *data_dir, const char *id) must_check;

/** Remove all but the newest RUNS_KEPT files of @dir whose name ends with @suffix. */
void runs_forget_old(const char *dir, const char *suffix);

/** Remove a record in which there is nothing. */
void runs_remove(const char *data_dir, const char *id);

#endif
