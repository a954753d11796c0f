/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/decide.h"
#include "consent/host_rules.h"
#include <sqlite3.h>
#include <string.h>

struct world {
	char dir[64];
	struct consent_store *store;
};

static int set_up(void **state)
{
	static struct world w;

	strcpy(w.dir, "/tmp/appsilo-unit-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	assert_int_equal(consent_store_open(w.dir, STORE_CREATE, &w.store, NULL), 0);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[128];

	consent_store_close(w->store);
	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	return system(command);
}

static void put(struct consent_store *store, const char *family, const char *host,
		enum consent_verdict verdict)
{
	struct consent_host_rule rule = {.family = family, .host = host, .verdict = verdict,
					 .source = CONSENT_FROM_GRANT, .time_ms = 1};

	assert_int_equal(consent_store_put_host(store, &rule, NULL), 0);
}

static void put_file(struct consent_store *store)
{
	struct consent_rule rule = {.family = "A_x", .path = "/data", .target = CONSENT_FOLDER,
				    .verdict = CONSENT_ALLOW, .scope = CONSENT_ALWAYS,
				    .source = CONSENT_FROM_GRANT};

	assert_int_equal(consent_store_put(store, &rule, NULL), 0);
}

static int append(void *data, const struct consent_host_rule *rule)
{
	char *text = data;

	sprintf(text + strlen(text), "%s %s %d;", rule->family, rule->host, (int)rule->verdict);
	return 0;
}

static const char *listed(struct consent_store *store, const char *family)
{
	static char text[1024];

	*text = '\0';
	assert_int_equal(consent_store_each_host(store, family, append, text, NULL), 0);
	return text;
}

/* A number or the error that SQLite tells, by another connection. */
static int sql(const struct world *w, const char *statement)
{
	char file[128];
	sqlite3 *db;
	sqlite3_stmt *s = NULL;
	int value = -1;

	snprintf(file, sizeof(file), "%s/consent.db", w->dir);
	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, statement, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return value;
}

static void rules_are_listed_replaced_and_removed(void **state)
{
	struct world *w = *state;
	int count;

	assert_string_equal(listed(w->store, NULL), "");
	put(w->store, "A_x", "example.org:443", CONSENT_ALLOW);
	put(w->store, "A_x", "10.0.0.0/8", CONSENT_DENY);
	put(w->store, "*", "*.example.org", CONSENT_DENY);
	put(w->store, "A_x", "example.org:443", CONSENT_DENY);
	assert_string_equal(listed(w->store, NULL),
			    "* *.example.org 0;A_x 10.0.0.0/8 0;A_x example.org:443 0;");
	assert_string_equal(listed(w->store, "*"), "* *.example.org 0;");
	assert_int_equal(consent_store_remove_host(w->store, "A_x", "10.0.0.0/8", &count, NULL), 0);
	assert_int_equal(count, 1);
	assert_int_equal(consent_store_remove_host(w->store, "B_y", NULL, &count, NULL), 0);
	assert_int_equal(count, 0);
	put_file(w->store);
	assert_int_equal(consent_store_remove(w->store, "A_x", "/data", true, &count, NULL), 0);
	assert_string_equal(listed(w->store, "A_x"), "A_x example.org:443 0;");
	put_file(w->store);
	assert_int_equal(consent_store_remove(w->store, "A_x", NULL, true, &count, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(listed(w->store, NULL), "* *.example.org 0;");
}

static void an_old_store_is_extended_by_the_first_host_and_keeps_its_files(void **state)
{
	struct world *w = *state;
	struct consent_store *other = NULL;
	struct decider d = {.places = {.home = "/h", .data_dir = "/h/d", .profile = "/h/d/p"},
			    .family = "A_x"};
	struct decision decision;

	put_file(w->store);
	assert_int_equal(sql(w, "PRAGMA user_version"), 1);
	assert_int_equal(consent_store_open(w->dir, STORE_READ, &other, NULL), 0);
	assert_string_equal(listed(other, NULL), "");
	assert_int_equal(sql(w, "PRAGMA user_version"), 1); /* reading changes nothing */
	put(w->store, "A_x", "example.org", CONSENT_ALLOW);
	assert_int_equal(sql(w, "PRAGMA user_version"), 2);
	/* and who had it open sees both */
	assert_string_equal(listed(other, NULL), "A_x example.org 1;");
	for (int i = 0; i < 2; i++) {
		d.store = i ? other : w->store;
		decide(&d, "/data/f", CONSENT_READ, &decision);
		assert_int_equal(decision.verdict, CONSENT_ALLOW);
	}
	put(other, "A_x", "b.example", CONSENT_ALLOW);
	put_file(other);
	consent_store_close(other);
	assert_int_equal(consent_store_open(w->dir, STORE_READ, &other, NULL), 0);
	assert_string_equal(listed(other, NULL), "A_x b.example 1;A_x example.org 1;");
	consent_store_close(other);
}

static void what_we_did_not_write_is_damage(void **state)
{
	static const char *const bad[] = {
		"UPDATE hosts SET host = 'EXAMPLE.org'", "UPDATE hosts SET host = '0x7f.1'",
		"UPDATE hosts SET host = ''", "UPDATE hosts SET host = CAST(x'610062' AS TEXT)",
		"UPDATE hosts SET source = 'somebody'"};
	struct world *w = *state;
	struct net_policy *policy = net_policy_new(0, false);
	struct appsilo_error err;
	char text[64];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put(w->store, "A_x", "example.org", CONSENT_ALLOW);
		sql(w, bad[i]);
		*text = '\0';
		assert_int_equal(consent_store_each_host(w->store, NULL, append, text, &err), -EUCLEAN);
		assert_non_null(strstr(err.line, "damaged"));
		assert_int_equal(host_rules_load(w->store, "A_x", policy, &err), -EUCLEAN);
		assert_int_equal(net_policy_decide_name(policy, "example.org"), CONSENT_DENY);
		sql(w, "DELETE FROM hosts");
	}
	sql(w, "PRAGMA user_version = 3");
	assert_int_equal(consent_store_each_host(w->store, NULL, append, text, &err), -EUCLEAN);
	net_policy_free(policy);
}

static void a_policy_holds_the_rules_of_the_app_and_of_all(void **state)
{
	struct world *w = *state;
	struct net_policy *policy = net_policy_new(0, false);

	put(w->store, "A_x", "a.example", CONSENT_ALLOW);
	put(w->store, "B_y", "b.example", CONSENT_ALLOW);
	put(w->store, "*", "c.example", CONSENT_ALLOW);
	assert_int_equal(host_rules_load(w->store, "A_x", policy, NULL), 0);
	assert_int_equal(net_policy_decide_name(policy, "a.example"), CONSENT_ALLOW);
	assert_int_equal(net_policy_decide_name(policy, "b.example"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(policy, "c.example"), CONSENT_ALLOW);
	put(w->store, "A_x", "a.example", CONSENT_DENY);
	assert_int_equal(host_rules_load(w->store, "A_x", policy, NULL), 0);
	assert_int_equal(net_policy_decide_name(policy, "a.example"), CONSENT_DENY);
	net_policy_free(policy);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(rules_are_listed_replaced_and_removed),
		CASE(an_old_store_is_extended_by_the_first_host_and_keeps_its_files),
		CASE(what_we_did_not_write_is_damage),
		CASE(a_policy_holds_the_rules_of_the_app_and_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
