/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remembered decisions: SQLite, WAL, synchronous=FULL, mode 0600. Many processes share
 * it; each sees the others' commits at its next query. A damaged store is an error for
 * every call, and callers deny. Thread-safe: one connection behind one lock.
 */
#ifndef APPSILO_CONSENT_STORE_H
#define APPSILO_CONSENT_STORE_H

#include "base/error.h"
#include "consent/types.h"

struct consent_store;

/* Rules about hosts: consent/store_hosts.h. */

/* Below the data directory. */
#define STORE_FILE "consent.db"

enum store_mode {
	STORE_READ,   /* a store that does not exist yet is an empty one; nothing is made */
	STORE_CREATE, /* make directory and file when missing */
};

/**
 * Open the store in data directory @dir.
 * Returns 0; -EUCLEAN damaged or not a store; -EPERM somebody else could write it; -EACCES; -EBUSY
 * locked; -errno; line in @err.
 */
int consent_store_open(const char *dir, enum store_mode mode, struct consent_store **ret,
		       struct appsilo_error *err) must_check;
void consent_store_close(struct consent_store *store);

/**
 * Something has happened to the file. If it is another, or gone, or no more ours alone, or @written
 * past us, what was read of it holds no longer: it is opened and checked again with the next call.
 * Returns whether that is so.
 */
bool consent_store_recheck(struct consent_store *store, bool written);

/** When brokers were last told of a change by this process, for seen_wait(); 0: never. */
int64_t consent_store_announced(struct consent_store *store);

/** Put the file away for good while other threads may still ask: from now on every call but
 * consent_store_close() fails with -ESHUTDOWN. */
void consent_store_shut(struct consent_store *store);

/** Remember @rule; it replaces the one on the same family, path, target and access. Waits up to ten
 * seconds for other writers. */
int consent_store_put(struct consent_store *store, const struct consent_rule *rule,
		      struct appsilo_error *err) must_check;

typedef int (*consent_rule_fn)(void *data, const struct consent_rule *rule);

/**
 * Hold the store as it is now for the consent_store_at() calls of one decision, so that they
 * cannot see half of a change. Takes the store's lock: no other call until consent_store_end().
 * Returns 0; -errno, and then nothing is held.
 */
int consent_store_begin(struct consent_store *store, const char *family) must_check;
void consent_store_end(struct consent_store *store);

/**
 * Rules on exactly @path of the family of consent_store_begin() and of all families. Their
 * ids and times are not told. Stops when @visit returns non-zero. Returns that; 0; -errno;
 * -ESTALE when the store has changed since consent_store_begin(): end, and begin again.
 */
int consent_store_at(struct consent_store *store, const char *path, consent_rule_fn visit,
		     void *data) must_check;

/** Rules of @family and of all families strictly below @folder. */
int consent_store_below(struct consent_store *store, const char *family, const char *folder,
			consent_rule_fn visit, void *data) must_check;

/** Every rule, of @family when not NULL, ordered by family and path. */
int consent_store_each(struct consent_store *store, const char *family, consent_rule_fn visit,
		       void *data, struct appsilo_error *err) must_check;

/**
 * Forget rules. @family NULL: of every family; @path NULL: on every path and about every
 * host; @below: and everything below @path.
 * @ret_count  how many were removed
 */
int consent_store_remove(struct consent_store *store, const char *family, const char *path,
			 bool below, int *ret_count, struct appsilo_error *err) must_check;

/** A number that changes when another process has committed. Negative errno on failure. */
int64_t consent_store_version(struct consent_store *store);

DEFINE_CLEANUP(struct consent_store *, consent_store_close)

#endif
