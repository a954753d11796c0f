/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/store_edit.h"

#include "consent/store_internal.h"
#include "consent/words.h"
#include <string.h>

/* Ids are never used again (AUTOINCREMENT), and a rule that is written over keeps its own. */
static int delete_rule(struct consent_store *store, const struct consent_rule *old, int *ret_count)
{
	static const char sql[] = "DELETE FROM rules WHERE id = ?1 AND family = ?2 AND path = ?3 AND target = ?4"
				  " AND access = ?5 AND verdict = ?6 AND source = ?7 AND time_ms = ?8";
	sqlite3_stmt *s = NULL;
	int r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));

	if (r == 0) {
		sqlite3_bind_int64(s, 1, old->id);
		store_bind_text(s, 2, old->family);
		sqlite3_bind_blob(s, 3, old->path, (int)strlen(old->path), SQLITE_STATIC);
		store_bind_text(s, 4, words_target(old->target));
		store_bind_text(s, 5, words_access(old->access));
		store_bind_text(s, 6, words_verdict(old->verdict));
		store_bind_text(s, 7, words_source(old->source));
		sqlite3_bind_int64(s, 8, old->time_ms);
	}
	return store_delete(store, s, r, ret_count);
}

static int delete_host(struct consent_store *store, const struct consent_host_rule *old, int *ret_count)
{
	static const char sql[] = "DELETE FROM hosts WHERE id = ?1 AND family = ?2 AND host = ?3"
				  " AND verdict = ?4 AND source = ?5 AND time_ms = ?6";
	sqlite3_stmt *s = NULL;
	int r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));

	if (r == 0) {
		sqlite3_bind_int64(s, 1, old->id);
		store_bind_text(s, 2, old->family);
		store_bind_text(s, 3, old->host);
		store_bind_text(s, 4, words_verdict(old->verdict));
		store_bind_text(s, 5, words_source(old->source));
		sqlite3_bind_int64(s, 6, old->time_ms);
	}
	return store_delete(store, s, r, ret_count);
}

static int stale(struct appsilo_error *err)
{
	return error_say(err, -ESTALE, "consent store: the decision was changed elsewhere meanwhile");
}

/* Returns 0 with a change begun; -errno with the line. */
static int begin(struct consent_store *store, struct appsilo_error *err)
{
	int r = store_ensure_open(store, false);

	if (r == 0 && !store->db)
		return stale(err);
	if (r == 0)
		r = store_begin_change(store);
	if (r < 0)
		return store_tell(store, r, "change", err);
	sqlite3_set_last_insert_rowid(store->db, 0); /* for is_inserted() */
	return 0;
}

/* Since begin(): what writes over a rule leaves the number alone, and is taken back by end(). */
static bool is_inserted(const struct consent_store *store)
{
	return sqlite3_last_insert_rowid(store->db) != 0;
}

static int end(struct consent_store *store, int r, int count, struct appsilo_error *err)
{
	r = store_end_change(store, r == 0 && count == 0 ? -ESTALE : r);
	if (r == -ESTALE)
		return stale(err);
	if (r < 0)
		return store_tell(store, r, "change", err);
	store_announce(store);
	return 0;
}

int consent_store_replace(struct consent_store *store, const struct consent_rule *old,
			  const struct consent_rule *new, struct appsilo_error *err)
{
	int count = 0, r;

	store_hold(store);
	r = begin(store, err);
	if (r < 0)
		return r;
	if (old)
		r = delete_rule(store, old, &count);
	if (r == 0 && new && (!old || count > 0))
		r = store_insert(store, new);
	return end(store, r, old ? count : is_inserted(store), err);
}

int consent_store_replace_host(struct consent_store *store, const struct consent_host_rule *old,
			       const struct consent_host_rule *new, struct appsilo_error *err)
{
	int count = 0, r;

	store_hold(store);
	r = begin(store, err);
	if (r < 0)
		return r;
	r = store_has_hosts(store);
	if (r > 0)
		r = old ? delete_host(store, old, &count) : store_insert_host(store, new);
	if (r == 0 && old && count > 0 && new)
		r = store_insert_host(store, new);
	return end(store, r, old ? count : is_inserted(store), err);
}
