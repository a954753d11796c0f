/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/wal_header.h"

#include <string.h>

#define WAL_INDEX_REGION 32768 /* bytes; the first one begins with the header */

static bool in_wal_mode(sqlite3 *db)
{
	sqlite3_stmt *s = NULL;
	bool wal = sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &s, NULL) == SQLITE_OK &&
		   sqlite3_step(s) == SQLITE_ROW &&
		   strcmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;

	sqlite3_finalize(s);
	return wal;
}

void wal_header_find(struct wal_header *header, sqlite3 *db)
{
	sqlite3_file *file = NULL;
	void volatile *region = NULL;

	header->shared = NULL;
	if (!in_wal_mode(db) ||
	    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
	    !file || !file->pMethods || file->pMethods->iVersion < 2)
		return;
	/* Mapped long since: this only tells where. */
	if (file->pMethods->xShmMap(file, 0, WAL_INDEX_REGION, 0, &region) == SQLITE_OK)
		header->shared = region;
}

static void copy(const struct wal_header *header, unsigned char ret[WAL_HEADER_SIZE])
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (int i = 0; i < WAL_HEADER_SIZE; i++)
		ret[i] = header->shared[i];
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool wal_header_note(struct wal_header *header)
{
	if (!header->shared)
		return false;
	copy(header, header->known);
	return memcmp(header->known, header->known + WAL_HEADER_SIZE / 2, WAL_HEADER_SIZE / 2) == 0;
}

bool wal_header_is_known(const struct wal_header *header)
{
	unsigned char now[WAL_HEADER_SIZE];

	if (!header->shared)
		return false;
	copy(header, now);
	return memcmp(now, header->known, WAL_HEADER_SIZE) == 0;
}
