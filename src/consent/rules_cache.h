/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of one app as server mode reads them, beside the store: so that a start opens no
 * database. What is kept is believed only while the store's files are the very ones, in
 * size and times, that it was made from; else appsilo-tool reads the store, as if there were
 * no cache. Compiled for the front too. docs/ARCHITECTURE.md, Server-mode root.
 */
#ifndef APPSILO_CONSENT_RULES_CACHE_H
#define APPSILO_CONSENT_RULES_CACHE_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* More than this is not kept: reading it would take longer than asking the store. */
#define RULES_CACHE_MAX (1024 * 1024)

/* What every commit changes. All zero for a file that does not exist. */
struct rules_file {
	uint64_t dev, ino, size;
	struct timespec changed, modified;
};

struct rules_stamp {
	struct rules_file database, log;
};

/** Stamp the store in data directory @dir. Returns 0; -ENOENT when there is none; -errno. */
int rules_stamp_take(const char *dir, struct rules_stamp *ret) must_check;

/**
 * Read what is kept for @family, if it was made from the store as it is now.
 * @ret  @ret_size bytes of records (cmd_rules.c); the caller frees
 * Returns 0; -ENOENT when there is no store; -ESTALE when the store has to be asked; -errno.
 */
int rules_cache_read(const char *dir, const char *family, char **ret, size_t *ret_size) must_check;

/**
 * Keep @records, read from the store between two looks that both gave @stamp. A store that
 * was changed a moment ago is not believed yet: another change could bear the same time.
 * Failing is no harm: the store is asked again.
 */
void rules_cache_write(const char *dir, const char *family, const struct rules_stamp *stamp,
		       const char *records, size_t size);

/** Remove what is kept for @family, of which nothing is to stay. */
void rules_cache_forget(const char *dir, const char *family);

bool rules_stamp_equal(const struct rules_stamp *a, const struct rules_stamp *b);

#endif
