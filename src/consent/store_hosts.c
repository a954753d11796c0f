/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is made with the first rule about a host: a store that has none can still be read
 * by the version before, and nothing is changed by reading.
 */
#include "consent/store_hosts.h"

#include "consent/store_internal.h"
#include "consent/words.h"
#include "network/host.h"
#include <string.h>

static const char schema[] =
	"CREATE TABLE hosts (id INTEGER PRIMARY KEY AUTOINCREMENT, family TEXT NOT NULL,"
	" host TEXT NOT NULL, verdict TEXT NOT NULL CHECK (verdict IN ('allow','deny')),"
	" source TEXT NOT NULL, time_ms INTEGER NOT NULL, UNIQUE (family, host));"
	"PRAGMA user_version = 2;";

/* Does the store have the table? Another process may make it at any time. Returns 1; 0; -errno. */
int store_has_hosts(struct consent_store *store)
{
	int64_t version = 0;
	int r = store_read_number(store->db, "PRAGMA user_version", &version);

	if (r == 0 && version != STORE_VERSION && version != STORE_VERSION_HOSTS)
		r = -EUCLEAN;
	return r < 0 ? r : version == STORE_VERSION_HOSTS;
}

/* In the transaction that puts the first rule. */
static int make_table(struct consent_store *store)
{
	int r = store_has_hosts(store);

	if (r != 0)
		return r < 0 ? r : 0;
	return store_code(sqlite3_exec(store->db, schema, NULL, NULL, NULL));
}

int store_insert_host(struct consent_store *store, const struct consent_host_rule *rule)
{
	static const char sql[] =
		"INSERT INTO hosts (family, host, verdict, source, time_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (family, host) DO UPDATE SET"
		" verdict = excluded.verdict, source = excluded.source, time_ms = excluded.time_ms";
	sqlite3_stmt *s = NULL;
	int r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));

	if (r == 0) {
		store_bind_text(s, 1, rule->family);
		store_bind_text(s, 2, rule->host);
		store_bind_text(s, 3, words_verdict(rule->verdict));
		store_bind_text(s, 4, words_source(rule->source));
		sqlite3_bind_int64(s, 5, rule->time_ms);
		r = store_code(sqlite3_step(s));
	}
	sqlite3_finalize(s);
	return r;
}

static int put(struct consent_store *store, const struct consent_host_rule *rule,
	       struct appsilo_error *err)
{
	int r;

	store_hold(store);
	r = store_ensure_open(store, true);
	if (r < 0)
		return store_tell(store, r, "open", err);
	r = store_begin_change(store);
	if (r < 0)
		return store_tell(store, r, "write", err);
	r = make_table(store);
	if (r == 0)
		r = store_insert_host(store, rule);
	r = store_end_change(store, r);
	if (r < 0)
		return store_tell(store, r, "write", err);
	store_announce(store);
	return 0;
}

int consent_store_put_host(struct consent_store *store, const struct consent_host_rule *rule,
			   struct appsilo_error *err)
{
	int r = -EBUSY;

	for (int i = 0; r == -EBUSY && i < STORE_PUT_TRIES; i++)
		r = put(store, rule, err);
	return r;
}

/* Only the one spelling is ours: any other might be judged as another host. */
static bool is_our_host(const char *host)
{
	struct host_pattern pattern;
	char text[HOST_TEXT_MAX];

	return host && host_pattern_parse(host, strlen(host), &pattern, NULL) == 0 &&
	       strcmp(host_pattern_text(&pattern, text), host) == 0;
}

static bool read_row(sqlite3_stmt *s, struct consent_host_rule *ret)
{
	*ret = (struct consent_host_rule){
		.id = sqlite3_column_int64(s, 0),
		.family = (const char *)sqlite3_column_text(s, 1),
		.host = (const char *)sqlite3_column_text(s, 2),
		.time_ms = sqlite3_column_int64(s, 5),
	};
	return ret->family && is_our_host(ret->host) &&
	       sqlite3_column_bytes(s, 2) == (int)strlen(ret->host) &&
	       words_read_verdict((const char *)sqlite3_column_text(s, 3), &ret->verdict) == 0 &&
	       words_read_source((const char *)sqlite3_column_text(s, 4), &ret->source) == 0;
}

/* A row we cannot read makes the store damaged, never ignored. */
static int visit_rows(sqlite3_stmt *s, consent_host_fn visit, void *data)
{
	struct consent_host_rule rule;
	int rc = SQLITE_DONE, r = 0;

	while (r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
		r = read_row(s, &rule) ? visit(data, &rule) : -EUCLEAN;
	return r == 0 ? store_code(rc) : r;
}

static int each(struct consent_store *store, const char *family, consent_host_fn visit, void *data)
{
	static const char sql[] = "SELECT id, family, host, verdict, source, time_ms FROM hosts"
				  " WHERE ?1 IS NULL OR family = ?1 ORDER BY family, host";
	sqlite3_stmt *s = NULL;
	int r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));

	if (r == 0 && family)
		store_bind_text(s, 1, family);
	if (r == 0)
		r = visit_rows(s, visit, data);
	sqlite3_finalize(s);
	return r;
}

int consent_store_each_host(struct consent_store *store, const char *family, consent_host_fn visit,
			    void *data, struct appsilo_error *err)
{
	int r;

	store_hold(store);
	r = store_ensure_open(store, false);
	if (r == 0 && !store->db)
		return 0;
	if (r == 0)
		r = store_has_hosts(store);
	if (r > 0)
		r = each(store, family, visit, data);
	return r < 0 ? store_tell(store, r, "read", err) : r;
}

int store_delete_hosts(struct consent_store *store, const char *family, const char *host,
		       int *ret_count)
{
	static const char sql[] = "DELETE FROM hosts WHERE (?1 IS NULL OR family = ?1) AND"
				  " (?2 IS NULL OR host = ?2)";
	sqlite3_stmt *s = NULL;
	int r = store_has_hosts(store);

	if (r <= 0)
		return r;
	r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));
	if (r == 0 && family)
		store_bind_text(s, 1, family);
	if (r == 0 && host)
		store_bind_text(s, 2, host);
	return store_delete(store, s, r, ret_count);
}

int consent_store_remove_host(struct consent_store *store, const char *family, const char *host,
			      int *ret_count, struct appsilo_error *err)
{
	int r;

	*ret_count = 0;
	store_hold(store);
	r = store_ensure_open(store, false);
	if (r == 0 && !store->db)
		return 0;
	if (r == 0)
		r = store_delete_hosts(store, family, host, ret_count);
	if (r < 0)
		return store_tell(store, r, "change", err);
	store_announce(store);
	return 0;
}
