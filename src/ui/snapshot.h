/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All remembered decisions as they were at one moment, in little memory: a window shows a part of
 * them and makes objects of the few that are on the screen. Immutable, and counted; made in any
 * thread.
 */
#ifndef APPSILO_UI_SNAPSHOT_H
#define APPSILO_UI_SNAPSHOT_H

#include "base/error.h"
#include "consent/store_hosts.h"
#include "consent/used.h"
#include <stdbool.h>

struct snapshot_row {
	int64_t id, time_ms;
	const char *family, *what; /* a path or a host; of the snapshot */
	bool network;
	uint8_t target, access, verdict, source; /* enums of consent/types.h */
	char last_used[USED_DAY_SIZE]; /* "": not known, or never */
};

struct snapshot;

/** Read @store, of data directory @data_dir: about files first, by family and path, then about hosts. Returns 0;
 * -errno with the line. */
int snapshot_load(struct consent_store *store, const char *data_dir, struct snapshot **ret, struct appsilo_error *err) must_check;

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL does nothing */

size_t snapshot_size(const struct snapshot *snapshot); /* 0 for NULL */
const struct snapshot_row *snapshot_row(const struct snapshot *snapshot, size_t index);

/** Is it the same decision, unchanged? */
bool snapshot_row_equal(const struct snapshot_row *a, const struct snapshot_row *b);

/** The rules that @row came from; strings are the row's. */
struct consent_rule snapshot_rule(const struct snapshot_row *row);
struct consent_host_rule snapshot_host_rule(const struct snapshot_row *row);

DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

#endif
