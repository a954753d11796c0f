/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/decide.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct world {
	char dir[64];
	struct consent_store *store;
	struct session_rules *session;
	struct decider d;
};

static int set_up(void **state)
{
	static struct world w;
	struct appsilo_error err;

	strcpy(w.dir, "/tmp/appsilo-unit-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	assert_int_equal(consent_store_open(w.dir, STORE_CREATE, &w.store, &err), 0);
	w.session = session_new();
	w.d = (struct decider){
		.places = {.home = "/h", .data_dir = "/h/.local/share/appsilo",
			   .profile = "/h/.local/share/appsilo/profiles/A_x"},
		.family = "A_x", .store = w.store, .session = w.session};
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	consent_store_close(w->store);
	session_free(w->session);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	return system(command);
}

static void put(struct world *w, const char *family, const char *path, enum consent_target target,
		enum consent_access access, enum consent_verdict verdict)
{
	struct consent_rule rule = {.family = family, .path = path, .target = target,
				    .access = access, .verdict = verdict, .scope = CONSENT_ALWAYS,
				    .source = CONSENT_FROM_GRANT};

	assert_int_equal(consent_store_put(w->store, &rule, NULL), 0);
}

static enum consent_verdict ask(struct world *w, const char *path, enum consent_access access)
{
	struct decision decision;

	decide(&w->d, path, access, &decision);
	return decision.verdict;
}

static void nothing_known_asks(void **state)
{
	assert_int_equal(ask(*state, "/data/f", CONSENT_READ), CONSENT_ASK);
}

static void most_specific_path_wins(void **state)
{
	struct world *w = *state;

	put(w, "A_x", "/data", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_ALLOW);
	put(w, "A_x", "/data/secret", CONSENT_FOLDER, CONSENT_READ, CONSENT_DENY);
	put(w, "A_x", "/data/secret/open", CONSENT_FILE, CONSENT_READ, CONSENT_ALLOW);
	assert_int_equal(ask(w, "/data/x", CONSENT_WRITE), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/data/secret", CONSENT_READ), CONSENT_DENY);
	assert_int_equal(ask(w, "/data/secret/f", CONSENT_WRITE), CONSENT_DENY);
	assert_int_equal(ask(w, "/data/secret/open", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/data/secret/open/x", CONSENT_READ), CONSENT_DENY);
	assert_int_equal(ask(w, "/database", CONSENT_READ), CONSENT_ASK);
}

static void deny_beats_allow_on_one_path(void **state)
{
	struct world *w = *state;

	put(w, "A_x", "/p", CONSENT_FOLDER, CONSENT_READ, CONSENT_ALLOW);
	put(w, "*", "/p", CONSENT_FOLDER, CONSENT_READ, CONSENT_DENY);
	assert_int_equal(ask(w, "/p/x", CONSENT_READ), CONSENT_DENY);
}

static void write_includes_read_and_read_does_not_write(void **state)
{
	struct world *w = *state;

	put(w, "A_x", "/r", CONSENT_FOLDER, CONSENT_READ, CONSENT_ALLOW);
	put(w, "A_x", "/w", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_ALLOW);
	put(w, "A_x", "/w/ro", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_DENY);
	assert_int_equal(ask(w, "/r/x", CONSENT_WRITE), CONSENT_ASK);
	assert_int_equal(ask(w, "/w/x", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/w/ro/x", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/w/ro/x", CONSENT_WRITE), CONSENT_DENY);
}

static void rules_of_other_apps_do_not_count(void **state)
{
	put(*state, "B_y", "/data", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_ALLOW);
	assert_int_equal(ask(*state, "/data/f", CONSENT_READ), CONSENT_ASK);
}

static void a_package_is_read_and_nothing_beside_it(void **state)
{
	const struct never_places places = {.home = "/h", .data_dir = "/h/d",
					    .profile = "/h/d/profiles/A_x",
					    .package = "/h/d/packages/A_1"};
	struct never_places none = places;

	(void)state;
	assert_int_equal(never_judge(&places, "/h/d/packages/A_1/VFS/x", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(never_judge(&places, "/h/d/packages/A_1/VFS/x", CONSENT_WRITE), CONSENT_DENY);
	assert_int_equal(never_judge(&places, "/h/d/packages", CONSENT_READ), CONSENT_DENY);
	assert_int_equal(never_judge(&places, "/h/d/packages/A_12", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(never_judge(&places, "/h/d/consent.db", CONSENT_READ), CONSENT_ABSENT);
	none.package = NULL;
	assert_int_equal(never_judge(&none, "/h/d/packages/A_1", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(never_judge(&none, "/h/d/packages", CONSENT_READ), CONSENT_ABSENT);
}

static void never_list_stands_above_grants(void **state)
{
	struct world *w = *state;
	struct consent_rule rule = {.family = "A_x", .path = "/h/.ssh/config", .target = CONSENT_FILE,
				    .access = CONSENT_READ, .verdict = CONSENT_ALLOW,
				    .scope = CONSENT_ALWAYS, .source = CONSENT_FROM_OVERRIDE};

	put(w, "A_x", "/h", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_ALLOW);
	put(w, "A_x", "/h/.ssh", CONSENT_FOLDER, CONSENT_READ, CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/x", CONSENT_WRITE), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.ssh/id", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(ask(w, "/h/.bashrc", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.bashrc", CONSENT_WRITE), CONSENT_DENY);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/consent.db", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/profiles/B_y", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/profiles/A_x/f", CONSENT_WRITE), CONSENT_ALLOW);
	assert_int_equal(consent_store_put(w->store, &rule, NULL), 0);
	assert_int_equal(ask(w, "/h/.ssh/config", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.ssh/id", CONSENT_READ), CONSENT_ABSENT);
}

static void protected_places_below_are_found(void **state)
{
	struct world *w = *state;

	put(w, "A_x", "/t/a/b/deny", CONSENT_FILE, CONSENT_WRITE, CONSENT_DENY);
	assert_true(decide_protected_below(&w->d, "/h", CONSENT_READ));
	assert_true(decide_protected_below(&w->d, "/", CONSENT_READ));
	assert_false(decide_protected_below(&w->d, "/h/proj", CONSENT_WRITE));
	assert_true(decide_protected_below(&w->d, "/t", CONSENT_WRITE));
	assert_false(decide_protected_below(&w->d, "/t", CONSENT_READ));
	assert_false(decide_protected_below(&w->d, "/t/a/b/deny", CONSENT_WRITE));
	put(w, "A_x", "/t/a/w", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_ALLOW);
	assert_true(decide_writable_below(&w->d, "/t"));
	assert_false(decide_writable_below(&w->d, "/t/a/w"));
}

static void session_rules_count_like_stored_ones(void **state)
{
	struct world *w = *state;
	struct consent_rule rule = {.family = "A_x", .path = "/s", .target = CONSENT_FOLDER, .access = CONSENT_WRITE,
				    .verdict = CONSENT_ALLOW, .scope = CONSENT_SESSION};

	assert_int_equal(session_put(w->session, &rule), 0);
	assert_int_equal(ask(w, "/s/x", CONSENT_WRITE), CONSENT_ALLOW);
	put(w, "A_x", "/s", CONSENT_FOLDER, CONSENT_READ, CONSENT_DENY);
	assert_int_equal(ask(w, "/s/x", CONSENT_READ), CONSENT_DENY);
}

static void paths_are_bytes(void **state)
{
	put(*state, "A_x", "/d/\xff\xfe", CONSENT_FILE, CONSENT_READ, CONSENT_ALLOW);
	assert_int_equal(ask(*state, "/d/\xff\xfe", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(*state, "/d/\xff\xfd", CONSENT_READ), CONSENT_ASK);
}

static void damaged_store_denies(void **state)
{
	struct world *w = *state;
	struct consent_store *damaged = NULL;
	struct appsilo_error err;
	char file[128];
	int fd;

	put(w, "A_x", "/data", CONSENT_FOLDER, CONSENT_READ, CONSENT_ALLOW);
	consent_store_close(w->store);
	w->store = w->d.store = NULL;
	snprintf(file, sizeof(file), "%s/consent.db", w->dir);
	fd = open(file, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "not a database, not at all, really not", 38), 38);
	close(fd);
	assert_int_equal(consent_store_open(w->dir, STORE_READ, &damaged, &err), -EUCLEAN);
	assert_non_null(strstr(err.line, "damaged"));
	assert_null(damaged);
}

static void missing_store_is_empty_and_not_made(void **state)
{
	struct world *w = *state;
	struct consent_store *store = NULL;
	char dir[128], file[160];

	snprintf(dir, sizeof(dir), "%s/none", w->dir);
	snprintf(file, sizeof(file), "%s/consent.db", dir);
	assert_int_equal(consent_store_open(dir, STORE_READ, &store, NULL), 0);
	assert_int_equal(access(file, F_OK), -1);
	consent_store_close(store);
}

static void store_is_private(void **state)
{
	struct world *w = *state;
	char file[128];
	struct stat st;

	snprintf(file, sizeof(file), "%s/consent.db", w->dir);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Another process, as far as SQLite is concerned. */
static void commits_of_others_count_at_once(void **state)
{
	struct world *w = *state, other = *w;
	int removed;

	assert_int_equal(consent_store_open(w->dir, STORE_READ, &other.store, NULL), 0);
	for (int i = 0; i < 50; i++) {
		put(&other, "A_x", "/data", CONSENT_FOLDER, CONSENT_WRITE, CONSENT_ALLOW);
		assert_int_equal(ask(w, "/data/a/b/f", CONSENT_READ), CONSENT_ALLOW);
		put(&other, "*", "/data/a", CONSENT_FOLDER, CONSENT_READ, CONSENT_DENY);
		assert_int_equal(ask(w, "/data/a/b/f", CONSENT_READ), CONSENT_DENY);
		assert_int_equal(ask(w, "/data/c", CONSENT_READ), CONSENT_ALLOW);
		assert_int_equal(consent_store_remove(other.store, "A_x", "/data", false, &removed,
						      NULL), 0);
		assert_int_equal(ask(w, "/data/c", CONSENT_READ), CONSENT_ASK);
		/* and our own, which change no version that we see */
		assert_int_equal(consent_store_remove(w->store, "*", "/data", true, &removed, NULL), 0);
		assert_int_equal(removed, 1);
		assert_int_equal(ask(w, "/data/a/b/f", CONSENT_READ), CONSENT_ASK);
		put(w, "A_x", "/data/a/b/f", CONSENT_FILE, CONSENT_READ, CONSENT_ALLOW);
		assert_int_equal(ask(w, "/data/a/b/f", CONSENT_READ), CONSENT_ALLOW);
		assert_int_equal(consent_store_remove(w->store, NULL, NULL, false, &removed, NULL), 0);
	}
	consent_store_close(other.store);
}

static void each_family_has_its_own_answers(void **state)
{
	struct world *w = *state;

	put(w, "A_x", "/data", CONSENT_FOLDER, CONSENT_READ, CONSENT_ALLOW);
	for (int i = 0; i < 3; i++) {
		w->d.family = "A_x";
		assert_int_equal(ask(w, "/data/f", CONSENT_READ), CONSENT_ALLOW);
		w->d.family = "B_y";
		assert_int_equal(ask(w, "/data/f", CONSENT_READ), CONSENT_ASK);
	}
}

static void override_counts_beside_other_rules(void **state)
{
	struct world *w = *state;
	struct consent_rule rule = {.family = "A_x", .path = "/h/.ssh/config", .target = CONSENT_FILE,
				    .access = CONSENT_WRITE, .verdict = CONSENT_ALLOW,
				    .scope = CONSENT_ALWAYS, .source = CONSENT_FROM_OVERRIDE};

	put(w, "A_x", "/h/.ssh/config", CONSENT_FILE, CONSENT_READ, CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.ssh/config", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(consent_store_put(w->store, &rule, NULL), 0);
	assert_int_equal(ask(w, "/h/.ssh/config", CONSENT_READ), CONSENT_ALLOW);
}

static void nothing_opens_what_is_our_own(void **state)
{
	struct world *w = *state;
	struct consent_rule rule = {.family = "A_x", .path = "/h", .target = CONSENT_FOLDER,
				    .access = CONSENT_WRITE, .verdict = CONSENT_ALLOW,
				    .scope = CONSENT_ALWAYS, .source = CONSENT_FROM_OVERRIDE};

	w->d.places.package = "/h/.local/share/appsilo/packages/A";
	assert_int_equal(consent_store_put(w->store, &rule, NULL), 0);
	rule.path = "/h/.local/share/appsilo/consent.db";
	assert_int_equal(consent_store_put(w->store, &rule, NULL), 0);
	assert_int_equal(ask(w, "/h/.ssh/id", CONSENT_WRITE), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/consent.db", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(ask(w, "/h/.local/share/appsilo", CONSENT_READ), CONSENT_DENY);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/profiles/B_y/f", CONSENT_READ), CONSENT_ABSENT);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/profiles/A_x/f", CONSENT_WRITE), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/packages/A/f", CONSENT_READ), CONSENT_ALLOW);
	assert_int_equal(ask(w, "/h/.local/share/appsilo/packages/A/f", CONSENT_WRITE), CONSENT_DENY);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static void a_store_that_was_shut_denies(void **state)
{
	struct world *w = *state;
	struct consent_rule rule = {.family = "A_x", .path = "/data", .access = CONSENT_READ,
				    .verdict = CONSENT_ALLOW, .source = CONSENT_FROM_GRANT};

	put(w, "A_x", "/data", CONSENT_FOLDER, CONSENT_READ, CONSENT_ALLOW);
	assert_int_equal(ask(w, "/data/f", CONSENT_READ), CONSENT_ALLOW);
	consent_store_shut(w->store);
	assert_int_equal(ask(w, "/data/f", CONSENT_READ), CONSENT_DENY);
	assert_int_equal(consent_store_put(w->store, &rule, NULL), -ESHUTDOWN);
	assert_int_equal(consent_store_version(w->store), -ESHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_known_asks),
		CASE(most_specific_path_wins),
		CASE(deny_beats_allow_on_one_path),
		CASE(write_includes_read_and_read_does_not_write),
		CASE(rules_of_other_apps_do_not_count),
		CASE(never_list_stands_above_grants),
		CASE(a_package_is_read_and_nothing_beside_it),
		CASE(protected_places_below_are_found),
		CASE(session_rules_count_like_stored_ones),
		CASE(paths_are_bytes),
		CASE(damaged_store_denies),
		CASE(a_store_that_was_shut_denies),
		CASE(missing_store_is_empty_and_not_made),
		CASE(store_is_private),
		CASE(commits_of_others_count_at_once),
		CASE(each_family_has_its_own_answers),
		CASE(override_counts_beside_other_rules),
		CASE(nothing_opens_what_is_our_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
