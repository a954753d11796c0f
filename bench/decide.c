/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: decisions among very many stored rules. Fills a store with RULES rules of one app,
 * spread over folders as a home is, then times decide() about paths that have a rule, about
 * neighbours that have none, and about one path again and again.
 */
#include "base/clock.h"
#include "consent/decide.h"
#include <limits.h>
#include <sqlite3.h>
#include <string.h>

#define RULES 1000000
#define ROUNDS 20000
#define FAMILY "bench_0123456789abc"

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void path_of(unsigned int i, const char *ending, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "/home/user/projects/p%u/src/module%u/file%u%s", i / 5000,
		 i / 50 % 100, i % 50, ending);
}

/* Straight into the tables: a million commits to a disk would take an hour. */
static int fill(const char *dir)
{
	char file[PATH_MAX], path[PATH_MAX];
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;
	int rc;

	snprintf(file, sizeof(file), "%s/consent.db", dir);
	rc = sqlite3_open(file, &db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
					"INSERT INTO rules (family, path, target, access, verdict,"
					" source, time_ms) VALUES (?1, ?2, 'file', 'write',"
					" 'allow', 'prompt', 0)",
					-1, &s, NULL);
	for (unsigned int i = 0; rc == SQLITE_OK && i < RULES; i++) {
		path_of(i, "", path);
		sqlite3_bind_text(s, 1, FAMILY, -1, SQLITE_STATIC);
		sqlite3_bind_blob(s, 2, path, (int)strlen(path), SQLITE_STATIC);
		rc = sqlite3_step(s) == SQLITE_DONE ? sqlite3_reset(s) : SQLITE_ERROR;
	}
	sqlite3_finalize(s);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_close(db);
	return rc == SQLITE_OK ? 0 : -EIO;
}

static int run(const struct decider *d, const char *what, const char *ending, bool same,
	       enum consent_verdict want)
{
	static int64_t took_ns[ROUNDS];
	unsigned int seed = 1;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		char path[PATH_MAX];
		struct decision decision;
		int64_t start;

		path_of(same ? 4711 : (unsigned int)rand_r(&seed) % RULES, ending, path);
		start = clock_ns(CLOCK_MONOTONIC);
		decide(d, path, CONSENT_READ, &decision);
		took_ns[i] = clock_ns(CLOCK_MONOTONIC) - start;
		if (decision.verdict != want) {
			fprintf(stderr, "decide: wrong answer for %s\n", path);
			return -EINVAL;
		}
	}
	qsort(took_ns, ROUNDS, sizeof(took_ns[0]), by_value);
	printf("| decide, %s | %.1f | %.1f |\n", what, (double)took_ns[ROUNDS / 2] / 1000,
	       (double)took_ns[ROUNDS / 100 * 99] / 1000);
	return 0;
}

int main(void)
{
	char dir[] = "/var/tmp/appsilo-bench-XXXXXX", command[128];
	struct appsilo_error err = {0};
	struct consent_store *store = NULL;
	struct decider d = {.places = {.home = "/home/user",
				       .data_dir = "/home/user/.local/share/appsilo"},
			    .family = FAMILY};
	int r = mkdtemp(dir) ? consent_store_open(dir, STORE_CREATE, &store, &err) : -errno;

	consent_store_close(store);
	if (r == 0)
		r = fill(dir);
	if (r == 0)
		r = consent_store_open(dir, STORE_READ, &d.store, &err);
	printf("| %d stored rules | median µs | p99 µs |\n|---|---|---|\n", RULES);
	if (r == 0)
		r = run(&d, "a stored rule", "", false, CONSENT_ALLOW);
	if (r == 0)
		r = run(&d, "no rule", ".new", false, CONSENT_ASK);
	if (r == 0)
		r = run(&d, "the same file again", "", true, CONSENT_ALLOW);
	if (r < 0)
		fprintf(stderr, "decide: %s\n", err.line[0] ? err.line : strerror(-r));
	consent_store_close(d.store);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 && r == 0 ? 0 : 1;
}
