/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has anybody committed? SQLite's own answer (PRAGMA data_version) takes a read lock, three
 * system calls; the header of the WAL index lies in shared memory and changes with every
 * commit. Source: "WAL-mode File Format" (sqlite.org/walformat.html), section 2.1.
 * Under the store's lock.
 */
#ifndef APPSILO_CONSENT_WAL_HEADER_H
#define APPSILO_CONSENT_WAL_HEADER_H

#include <sqlite3.h>
#include <stdbool.h>

#define WAL_HEADER_SIZE 96 /* two copies of 48 bytes */

struct wal_header {
	const volatile unsigned char *shared; /* SQLite's mapping, until the database is closed */
	unsigned char known[WAL_HEADER_SIZE];
};

/** Find the header of an open database in WAL mode that was read before. */
void wal_header_find(struct wal_header *header, sqlite3 *db);

/** Note it as it is now. False when it is just being changed, or was not found. */
bool wal_header_note(struct wal_header *header);

/** True when nothing was committed since the last wal_header_note(). */
bool wal_header_is_known(const struct wal_header *header);

#endif
