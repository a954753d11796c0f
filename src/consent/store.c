/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/store_internal.h"

#include "base/fd.h"
#include "consent/seen.h"
#include "consent/words.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BUSY_MS 2000

#define COLUMNS "id, family, path, target, access, verdict, source, time_ms"

static const char *const queries[N_QUERIES] = {
	[QUERY_AT] = "SELECT " COLUMNS " FROM rules WHERE family = ?1 AND path = ?2",
	[QUERY_BELOW] = "SELECT " COLUMNS " FROM rules WHERE family = ?1 AND path > ?2 AND path < ?3",
	[QUERY_PUT] = "INSERT INTO rules (family, path, target, access, verdict, source, time_ms)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
		      " ON CONFLICT (family, path, target, access) DO UPDATE SET"
		      " verdict = excluded.verdict, source = excluded.source,"
		      " time_ms = excluded.time_ms",
	[QUERY_VERSION] = "PRAGMA data_version",
	[QUERY_BEGIN] = "BEGIN",
	[QUERY_END] = "ROLLBACK", /* of a transaction that only read */
	[QUERY_ANY_FOR_ALL] = "SELECT 1 FROM rules WHERE family = '*' LIMIT 1",
};

/* The line for @code, which came with the last call on the database. */
int store_tell(const struct consent_store *store, int code, const char *what,
		   struct appsilo_error *err)
{
	return store_explain(store->file, store_cause(store->db, code), what, err);
}

static int open_database(struct consent_store *store, int flags)
{
	int rc = sqlite3_open_v2(store->file, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_extended_result_codes(store->db, 0);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(store->db, BUSY_MS);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(store->db,
				  "PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL;"
				  "PRAGMA cell_size_check = ON;",
				  NULL, NULL, NULL);
	return store_code(rc);
}

static int prepare_queries(struct consent_store *store)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < N_QUERIES; i++)
		r = store_code(sqlite3_prepare_v3(store->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT,
					       &store->statements[i], NULL));
	return r;
}

static void close_database(struct consent_store *store)
{
	for (size_t i = 0; i < N_QUERIES; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	sqlite3_close(TAKE_PTR(store->db));
	levels_clear(&store->levels);
	store->levels_version = -1;
	store->header_noted = false;
	store->header.shared = NULL;
	store->version = -1;
	store->version_header.shared = NULL;
}

/* Whoever else could write there could allow. */
static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Open the existing file if there is one: it may have been made since the last call. */
int store_ensure_open(struct consent_store *store, bool create)
{
	struct stat st;
	bool fresh;
	int r, fd;

	if (store->shut)
		return -ESHUTDOWN;
	if (store->db)
		return 0;
	fresh = lstat(store->file, &st) < 0; /* one call: each decision comes through here */
	if (fresh && errno != ENOENT)
		return -errno;
	if (!fresh && !S_ISREG(st.st_mode))
		return -EUCLEAN; /* a pipe, a link that leads nowhere: not an empty store */
	if (!fresh && !is_ours(&st))
		return -EPERM;
	if (fresh && !create)
		return 0;
	fd = open(store->file, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (fresh ? O_CREAT : 0), 0600);
	if (fd < 0 && (create || (errno != EROFS && errno != EACCES)))
		return errno == ELOOP ? -EUCLEAN : -errno;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		store->dev = st.st_dev;
		store->ino = st.st_ino;
	}
	close_keep_errno(fd);
	r = open_database(store, fd < 0 ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	if (r == 0)
		r = store_lacks_tables(store->db);
	if (r == 1 && !create) {
		close_database(store);
		return 0;
	}
	if (r == 1)
		r = store_make_tables(store->db);
	if (r == 0)
		r = store_check_tables(store->db);
	if (r == 0)
		r = prepare_queries(store);
	r = store_cause(store->db, r);
	if (r < 0)
		close_database(store);
	return r;
}

/* Our own directory, where nobody else can put another store, or take ours away. */
static int check_directory(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	return is_ours(&st) ? 0 : -EPERM;
}

static int make_directory(const char *dir)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - dir), dir);
		if (mkdir(part, 0700) < 0 && errno != EEXIST && access(part, X_OK) < 0)
			return -errno;
	}
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int consent_store_open(const char *dir, enum store_mode mode, struct consent_store **ret,
		       struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = calloc(1, sizeof(*store));
	int r = 0;

	if (!store)
		return error_set(err, -ENOMEM, "consent store");
	store->levels_version = store->version = -1;
	pthread_mutex_init(&store->lock, NULL);
	if (snprintf(store->file, sizeof(store->file), "%s/" STORE_FILE, dir) >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "consent store: %s", dir);
	if (mode == STORE_CREATE)
		r = make_directory(dir);
	if (r == 0)
		r = check_directory(dir);
	if (r == 0)
		r = store_ensure_open(store, mode == STORE_CREATE);
	if (r < 0)
		return store_tell(store, r, "open", err);
	*ret = TAKE_PTR(store);
	return 0;
}

void consent_store_close(struct consent_store *store)
{
	if (!store)
		return;
	close_database(store);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* Turn the current row into a rule; false when it is not something we wrote. */
static bool read_row(sqlite3_stmt *s, char path[PATH_MAX], struct consent_rule *ret)
{
	int n = sqlite3_column_bytes(s, 2);
	const void *bytes = sqlite3_column_blob(s, 2);

	*ret = (struct consent_rule){
		.id = sqlite3_column_int64(s, 0),
		.family = (const char *)sqlite3_column_text(s, 1),
		.path = path,
		.scope = CONSENT_ALWAYS,
		.time_ms = sqlite3_column_int64(s, 7),
	};
	if (!bytes || n <= 0 || n >= PATH_MAX || !ret->family)
		return false;
	memcpy(path, bytes, (size_t)n);
	path[n] = '\0';
	return strlen(path) == (size_t)n && path[0] == '/' &&
	       words_read_target((const char *)sqlite3_column_text(s, 3), &ret->target) == 0 &&
	       words_read_access((const char *)sqlite3_column_text(s, 4), &ret->access) == 0 &&
	       words_read_verdict((const char *)sqlite3_column_text(s, 5), &ret->verdict) == 0 &&
	       words_read_source((const char *)sqlite3_column_text(s, 6), &ret->source) == 0;
}

/* Step through @s; a row we cannot read makes the store damaged, never ignored. */
static int visit_rows(sqlite3_stmt *s, consent_rule_fn visit, void *data)
{
	char path[PATH_MAX];
	struct consent_rule rule;
	int rc, r = 0;

	while (r == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW)
		r = read_row(s, path, &rule) ? visit(data, &rule) : -EUCLEAN;
	if (r == 0)
		r = store_code(rc);
	sqlite3_reset(s);
	return r;
}

static void bind_bytes(sqlite3_stmt *s, int index, const char *bytes)
{
	sqlite3_bind_blob(s, index, bytes, (int)strlen(bytes), SQLITE_STATIC);
}

bool consent_store_recheck(struct consent_store *store, bool written)
{
	struct stat st;
	bool same;

	store_hold(store);
	if (!store->db)
		return true; /* there may be one by now */
	same = !written && lstat(store->file, &st) == 0 && S_ISREG(st.st_mode) && is_ours(&st) &&
	       st.st_dev == store->dev && st.st_ino == store->ino;
	if (!same)
		close_database(store);
	return !same;
}

int64_t consent_store_announced(struct consent_store *store)
{
	store_hold(store);
	return store->announced;
}

void consent_store_shut(struct consent_store *store)
{
	store_hold(store);
	close_database(store);
	store->shut = true;
}

/* One step of a statement without arguments. Returns its first column; -errno. */
static int64_t step_number(struct consent_store *store, enum query query)
{
	sqlite3_stmt *s = store->statements[query];
	int rc = sqlite3_step(s), r = store_code(rc);
	int64_t number = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;

	sqlite3_reset(s);
	return r < 0 ? r : number;
}

/* Begin a transaction on the store as it is now, and forget what was known of another state.
 * Returns 1 when that was so; 0; -errno. */
static int open_snapshot(struct consent_store *store, const char *family)
{
	bool noted = wal_header_note(&store->header);
	int64_t version = step_number(store, QUERY_BEGIN), any;

	if (version == 0)
		version = step_number(store, QUERY_VERSION);
	if (version < 0)
		return (int)version;
	/* The same before and after: this is the header of what the transaction sees. */
	store->header_noted = noted && wal_header_is_known(&store->header);
	if (version == store->levels_version && strcmp(family, store->levels_family) == 0)
		return 0;
	levels_clear(&store->levels);
	store->levels_version = -1;
	any = step_number(store, QUERY_ANY_FOR_ALL);
	if (any < 0)
		return (int)any;
	if (strlen(family) >= CONSENT_FAMILY_MAX)
		return -ENAMETOOLONG;
	memmove(store->levels_family, family, strlen(family) + 1);
	store->any_for_all = any == 1;
	store->levels_version = version;
	if (!store->header.shared)
		wal_header_find(&store->header, store->db);
	return 1;
}

static bool is_unchanged(const struct consent_store *store, const char *family)
{
	return store->levels_version >= 0 && store->header_noted &&
	       wal_header_is_known(&store->header) && strcmp(family, store->levels_family) == 0;
}

int consent_store_begin(struct consent_store *store, const char *family)
{
	int r;

	pthread_mutex_lock(&store->lock);
	r = store_ensure_open(store, false);
	if (r == 0 && store->db && !is_unchanged(store, family))
		r = open_snapshot(store, family);
	if (r < 0)
		consent_store_end(store);
	return r < 0 ? r : 0;
}

void consent_store_end(struct consent_store *store)
{
	if (store->db && !sqlite3_get_autocommit(store->db))
		(void)step_number(store, QUERY_END); /* cannot fail: nothing was written */
	pthread_mutex_unlock(&store->lock);
}

static int collect(void *data, const struct consent_rule *rule)
{
	struct level_rules *level = data;

	if (level->n == LEVELS_RULES_MAX)
		return -EUCLEAN;
	level->all_families[level->n] = strcmp(rule->family, CONSENT_ALL_FAMILIES) == 0;
	level->rules[level->n++] = *rule;
	return 0;
}

static int read_level(struct consent_store *store, const char *path, struct level_rules *ret)
{
	const char *const families[] = {store->levels_family, CONSENT_ALL_FAMILIES};
	size_t n = store->any_for_all ? 2 : 1;
	int r = 0;

	ret->n = 0;
	/* So far all was answered from memory. What is read now must be of the same state. */
	if (sqlite3_get_autocommit(store->db))
		r = open_snapshot(store, store->levels_family);
	if (r == 1)
		return -ESTALE;
	for (size_t i = 0; r == 0 && i < n; i++) {
		sqlite3_stmt *s = store->statements[QUERY_AT];

		store_bind_text(s, 1, families[i]);
		bind_bytes(s, 2, path);
		r = visit_rows(s, collect, ret);
	}
	if (r == 0)
		levels_put(&store->levels, path, ret);
	return r;
}

int consent_store_at(struct consent_store *store, const char *path, consent_rule_fn visit,
		     void *data)
{
	struct level_rules level;
	int r = 0;

	if (!store->db)
		return 0;
	if (!levels_find(&store->levels, path, &level))
		r = read_level(store, path, &level);
	for (size_t i = 0; r == 0 && i < level.n; i++) {
		struct consent_rule *rule = &level.rules[i];

		rule->family = level.all_families[i] ? CONSENT_ALL_FAMILIES : store->levels_family;
		rule->path = path;
		r = visit(data, rule);
	}
	return r;
}

int consent_store_below(struct consent_store *store, const char *family, const char *folder,
			consent_rule_fn visit, void *data)
{
	const char *const families[] = {family, CONSENT_ALL_FAMILIES};
	char first[PATH_MAX + 2], last[PATH_MAX + 2];
	bool root = strcmp(folder, "/") == 0;
	int r;

	/* '0' follows '/': everything that starts with "folder/" lies between the two. */
	snprintf(first, sizeof(first), "%s/", root ? "" : folder);
	snprintf(last, sizeof(last), "%s0", root ? "" : folder);
	store_hold(store);
	r = store_ensure_open(store, false);
	for (size_t i = 0; r == 0 && store->db && i < ARRAY_SIZE(families); i++) {
		sqlite3_stmt *s = store->statements[QUERY_BELOW];

		store_bind_text(s, 1, families[i]);
		bind_bytes(s, 2, first);
		bind_bytes(s, 3, last);
		r = visit_rows(s, visit, data);
	}
	return r;
}

/* Wake the brokers that watch the directory: a commit in WAL mode shows itself to others
 * only by shared memory, after the last write that a watch could see. */
void store_announce(struct consent_store *store)
{
	store->announced = seen_now(); /* before: a broker may look at once */
	(void)utimensat(AT_FDCWD, store->file, NULL, 0); /* late news at worst */
}

/* Our own commits do not change our own data_version. */
static void forget_levels(struct consent_store *store)
{
	levels_clear(&store->levels);
	store->levels_version = -1;
}

int store_insert(struct consent_store *store, const struct consent_rule *rule)
{
	sqlite3_stmt *s = store->statements[QUERY_PUT];
	int r;

	forget_levels(store);
	store_bind_text(s, 1, rule->family);
	bind_bytes(s, 2, rule->path);
	store_bind_text(s, 3, words_target(rule->target));
	store_bind_text(s, 4, words_access(rule->access));
	store_bind_text(s, 5, words_verdict(rule->verdict));
	store_bind_text(s, 6, words_source(rule->source));
	sqlite3_bind_int64(s, 7, rule->time_ms);
	r = store_code(sqlite3_step(s));
	sqlite3_reset(s);
	return r;
}

static int put(struct consent_store *store, const struct consent_rule *rule,
	       struct appsilo_error *err)
{
	int r;

	store_hold(store);
	r = store_ensure_open(store, true);
	if (r < 0)
		return store_tell(store, r, "open", err);
	r = store_insert(store, rule);
	if (r < 0)
		return store_tell(store, r, "write", err);
	store_announce(store);
	return 0;
}

int consent_store_put(struct consent_store *store, const struct consent_rule *rule,
		      struct appsilo_error *err)
{
	int r = -EBUSY;

	/* Between the tries others may decide with the store. */
	for (int i = 0; r == -EBUSY && i < STORE_PUT_TRIES; i++)
		r = put(store, rule, err);
	return r;
}

int consent_store_each(struct consent_store *store, const char *family, consent_rule_fn visit,
		       void *data, struct appsilo_error *err)
{
	static const char sql[] = "SELECT " COLUMNS " FROM rules WHERE ?1 IS NULL OR family = ?1"
				  " ORDER BY family, path, target, access";
	sqlite3_stmt *s = NULL;
	int r;

	store_hold(store);
	r = store_ensure_open(store, false);
	if (r == 0 && store->db) {
		r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));
		if (r == 0) {
			if (family)
				store_bind_text(s, 1, family);
			r = visit_rows(s, visit, data);
		}
		sqlite3_finalize(s);
	}
	return r < 0 ? store_tell(store, r, "read", err) : r;
}

int store_begin_change(struct consent_store *store)
{
	return store_code(sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
}

int store_end_change(struct consent_store *store, int r)
{
	if (r == 0)
		r = store_code(sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL));
	if (r == 0)
		return 0;
	r = store_cause(store->db, r); /* while it is the last failure */
	(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* of what failed */
	return r;
}

int store_delete(struct consent_store *store, sqlite3_stmt *s, int r, int *ret_count)
{
	if (r == 0)
		r = store_code(sqlite3_step(s));
	if (r == 0)
		*ret_count = sqlite3_changes(store->db);
	sqlite3_finalize(s);
	return r;
}

static int delete_paths(struct consent_store *store, const char *family, const char *path, bool below,
			int *ret_count)
{
	static const char sql[] =
		"DELETE FROM rules WHERE (?1 IS NULL OR family = ?1) AND"
		" (?2 IS NULL OR path = ?2 OR (?3 AND path > ?4 AND path < ?5))";
	char first[PATH_MAX + 2], last[PATH_MAX + 2];
	bool root = path && strcmp(path, "/") == 0;
	sqlite3_stmt *s = NULL;
	int r = store_code(sqlite3_prepare_v2(store->db, sql, -1, &s, NULL));

	if (r == 0 && family)
		store_bind_text(s, 1, family);
	if (r == 0 && path) {
		snprintf(first, sizeof(first), "%s/", root ? "" : path);
		snprintf(last, sizeof(last), "%s0", root ? "" : path);
		bind_bytes(s, 2, path);
		sqlite3_bind_int(s, 3, below);
		bind_bytes(s, 4, first);
		bind_bytes(s, 5, last);
	}
	return store_delete(store, s, r, ret_count);
}

int consent_store_remove(struct consent_store *store, const char *family, const char *path,
			 bool below, int *ret_count, struct appsilo_error *err)
{
	int hosts = 0, r;

	*ret_count = 0;
	store_hold(store);
	forget_levels(store);
	r = store_ensure_open(store, false);
	if (r == 0 && !store->db)
		return 0;
	if (r == 0)
		r = store_begin_change(store);
	if (r < 0)
		return store_tell(store, r, "change", err);
	r = delete_paths(store, family, path, below, ret_count);
	if (r == 0 && !path)
		r = store_delete_hosts(store, family, NULL, &hosts);
	r = store_end_change(store, r);
	if (r < 0) {
		*ret_count = 0;
		return store_tell(store, r, "change", err);
	}
	*ret_count += hosts;
	store_announce(store);
	return 0;
}

int64_t consent_store_version(struct consent_store *store)
{
	bool noted;
	int64_t version;
	int r;

	store_hold(store);
	r = store_ensure_open(store, false);
	if (r < 0 || !store->db)
		return r;
	if (store->version >= 0 && wal_header_is_known(&store->version_header))
		return store->version;
	noted = wal_header_note(&store->version_header);
	version = step_number(store, QUERY_VERSION);
	store->version = noted && wal_header_is_known(&store->version_header) ? version : -1;
	if (version >= 0 && !store->version_header.shared)
		wal_header_find(&store->version_header, store->db);
	return version;
}
