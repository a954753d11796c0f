/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/store_internal.h"

#define APPLICATION_ID 0x41507369 /* "APsi" */

static const char schema[] =
	"CREATE TABLE rules (id INTEGER PRIMARY KEY AUTOINCREMENT, family TEXT NOT NULL,"
	" path BLOB NOT NULL, target TEXT NOT NULL CHECK (target IN ('file','folder')),"
	" access TEXT NOT NULL CHECK (access IN ('read','write')),"
	" verdict TEXT NOT NULL CHECK (verdict IN ('allow','deny')),"
	" source TEXT NOT NULL, time_ms INTEGER NOT NULL,"
	" UNIQUE (family, path, target, access));"
	"PRAGMA application_id = 1095791465; PRAGMA user_version = 1;";

int store_read_number(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return rc == SQLITE_ROW ? 0 : store_code(rc == SQLITE_DONE ? SQLITE_CORRUPT : rc);
}

int store_lacks_tables(sqlite3 *db)
{
	int64_t application = 0, tables = 0;
	int r = store_read_number(db, "PRAGMA application_id", &application);

	if (r == 0 && application == 0)
		r = store_read_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	return r < 0 ? r : application == 0 && tables == 0;
}

int store_make_tables(sqlite3 *db)
{
	int64_t tables;
	int r = store_code(sqlite3_exec(db, "PRAGMA journal_mode = WAL; BEGIN IMMEDIATE", NULL, NULL, NULL)), rc;

	if (r < 0)
		return r;
	r = store_read_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r == 0 && tables == 0)
		r = store_code(sqlite3_exec(db, schema, NULL, NULL, NULL));
	rc = sqlite3_exec(db, r == 0 ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL);
	return r < 0 ? r : store_code(rc);
}

int store_check_tables(sqlite3 *db)
{
	int64_t application = 0, version = 0;
	int r = store_read_number(db, "PRAGMA application_id", &application);

	if (r == 0)
		r = store_read_number(db, "PRAGMA user_version", &version);
	if (r == 0 && (application != APPLICATION_ID ||
		       (version != STORE_VERSION && version != STORE_VERSION_HOSTS)))
		r = -EUCLEAN;
	return r;
}
