/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the store share: store.c has the rules about files, store_hosts.c those
 * about hosts. */
#ifndef APPSILO_CONSENT_STORE_INTERNAL_H
#define APPSILO_CONSENT_STORE_INTERNAL_H

#include "consent/levels.h"
#include "consent/store.h"
#include "consent/store_error.h"
#include "consent/store_hosts.h"
#include "consent/wal_header.h"
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/types.h>

#define STORE_VERSION 1	      /* of one that has rules about files only */
#define STORE_VERSION_HOSTS 2 /* and of one that has had a rule about a host */

#define STORE_PUT_TRIES 5 /* waiting is not fair: of a hundred runs another may go first each time */

enum query {
	QUERY_AT,
	QUERY_BELOW,
	QUERY_PUT,
	QUERY_VERSION,
	QUERY_BEGIN,
	QUERY_END,
	QUERY_ANY_FOR_ALL,
	N_QUERIES,
};

struct consent_store {
	char file[PATH_MAX];
	pthread_mutex_t lock; /* guards everything below */
	sqlite3 *db;	      /* owned; NULL while the store does not exist */
	dev_t dev;	      /* of the file that db is */
	ino_t ino;
	int64_t announced;    /* seen_now() at our last change; 0: none */
	bool shut;	      /* by consent_store_shut() */
	sqlite3_stmt *statements[N_QUERIES];
	struct levels levels; /* true for levels_version, levels_family and our own writes */
	int64_t levels_version;
	char levels_family[CONSENT_FAMILY_MAX];
	bool any_for_all;
	struct wal_header header;
	bool header_noted; /* it was like this when levels_version was read */
	struct wal_header version_header;
	int64_t version; /* as long as version_header is like this; -1: not known */
};

static inline void store_unlock(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

#define store_hold(store)                                                                          \
	cleanup(store_unlock) pthread_mutex_t *held_ __attribute__((unused)) = &(store)->lock;     \
	pthread_mutex_lock(held_)

/** Fill @err for @code, which came with the last call on the database; @what: "open", "read",
 * ... Returns @code. */
int store_tell(const struct consent_store *store, int code, const char *what,
	       struct appsilo_error *err);

/** Open the existing file if there is one, make it with @create. Under the lock. store->db is
 * NULL while there is none. Returns 0; -errno. */
int store_ensure_open(struct consent_store *store, bool create) must_check;

/** The first column of the first row. Returns 0; -errno. */
int store_read_number(sqlite3 *db, const char *sql, int64_t *ret) must_check;

/** Is the file no store yet: is another process making it, or did it die before it had? Returns 1; 0; -errno. */
int store_lacks_tables(sqlite3 *db) must_check;

/** Make the tables in a new file; two processes may try at once. Returns 0; -errno. */
int store_make_tables(sqlite3 *db) must_check;

/** Is it a store of a version that we know? Returns 0; -EUCLEAN; -errno. */
int store_check_tables(sqlite3 *db) must_check;

/** Begin a change of several steps. Returns 0; -errno. */
int store_begin_change(struct consent_store *store) must_check;

/** Make it hold when @r, of its steps, is 0, else take all of it back. Returns @r, or why it does not
 * hold. */
int store_end_change(struct consent_store *store, int r) must_check;

/** Write @rule, in the caller's transaction if there is one. Under the lock. Returns 0; -errno. */
int store_insert(struct consent_store *store, const struct consent_rule *rule) must_check;

/** Is there a table of hosts? Under the lock. Returns 1; 0; -errno. */
int store_has_hosts(struct consent_store *store) must_check;

/** As store_insert(), where there is a table of hosts. */
int store_insert_host(struct consent_store *store, const struct consent_host_rule *rule) must_check;

/** Carry out @statement, which deletes, when @r, of preparing it, is 0. Finalizes it. Returns 0; -errno. */
int store_delete(struct consent_store *store, sqlite3_stmt *statement, int r, int *ret_count) must_check;

/** Wake the brokers that watch the store. */
void store_announce(struct consent_store *store);

/** Delete rules about hosts, all of them where @host is NULL. Under the lock, in the caller's
 * transaction if there is one. Returns 0; -errno. */
int store_delete_hosts(struct consent_store *store, const char *family, const char *host,
		       int *ret_count) must_check;

static inline void store_bind_text(sqlite3_stmt *s, int index, const char *text)
{
	sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);
}

#endif
