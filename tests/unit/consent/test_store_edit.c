/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sees is what is changed, or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/store_edit.h"
#include <string.h>

struct place {
	char dir[64];
	struct consent_store *store;
	struct consent_rule rule; /* the last that was visited */
	struct consent_host_rule host;
	char path[64], name[64];
	int n;
};

static struct appsilo_error err;

static int set_up(void **state)
{
	static struct place p;

	p = (struct place){0};
	strcpy(p.dir, "/tmp/appsilo-unit-XXXXXX");
	assert_non_null(mkdtemp(p.dir));
	assert_int_equal(consent_store_open(p.dir, STORE_CREATE, &p.store, &err), 0);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	char command[96];

	consent_store_close(p->store);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	return system(command);
}

static int note(void *data, const struct consent_rule *rule)
{
	struct place *p = data;

	p->rule = *rule;
	snprintf(p->path, sizeof(p->path), "%s", rule->path);
	p->rule.path = p->path;
	p->rule.family = "A_x";
	p->n++;
	return 0;
}

static int note_host(void *data, const struct consent_host_rule *rule)
{
	struct place *p = data;

	p->host = *rule;
	snprintf(p->name, sizeof(p->name), "%s", rule->host);
	p->host.host = p->name;
	p->host.family = "A_x";
	p->n++;
	return 0;
}

static int count(struct place *p)
{
	p->n = 0;
	assert_int_equal(consent_store_each(p->store, NULL, note, p, &err), 0);
	assert_int_equal(consent_store_each_host(p->store, NULL, note_host, p, &err), 0);
	return p->n;
}

static struct consent_rule rule_on(const char *path, enum consent_access access)
{
	return (struct consent_rule){.family = "A_x", .path = path, .target = CONSENT_FOLDER, .access = access,
				     .verdict = CONSENT_ALLOW, .scope = CONSENT_ALWAYS, .source = CONSENT_FROM_PROMPT,
				     .time_ms = 5};
}

static void one_of_two_on_the_same_path_is_forgotten(void **state)
{
	struct place *p = *state;
	struct consent_rule read = rule_on("/a", CONSENT_READ), write = rule_on("/a", CONSENT_WRITE);

	assert_int_equal(consent_store_put(p->store, &read, &err), 0);
	assert_int_equal(consent_store_put(p->store, &write, &err), 0);
	assert_int_equal(count(p), 2);
	assert_int_equal(p->rule.access, CONSENT_WRITE);
	assert_int_equal(consent_store_replace(p->store, &p->rule, NULL, &err), 0);
	assert_int_equal(count(p), 1);
	assert_int_equal(p->rule.access, CONSENT_READ);
}

static void a_change_is_one_step(void **state)
{
	struct place *p = *state;
	struct consent_rule rule = rule_on("/a", CONSENT_READ), new = rule_on("/a", CONSENT_WRITE);

	new.verdict = CONSENT_DENY;
	assert_int_equal(consent_store_put(p->store, &rule, &err), 0);
	assert_int_equal(count(p), 1);
	assert_int_equal(consent_store_replace(p->store, &p->rule, &new, &err), 0);
	assert_int_equal(count(p), 1);
	assert_int_equal(p->rule.access, CONSENT_WRITE);
	assert_int_equal(p->rule.verdict, CONSENT_DENY);
}

static void what_is_not_as_it_was_shown_is_left_alone(void **state)
{
	struct place *p = *state;
	struct consent_rule rule = rule_on("/a", CONSENT_READ), shown, new = rule_on("/b", CONSENT_READ);
	char path[64];

	assert_int_equal(consent_store_put(p->store, &rule, &err), 0);
	assert_int_equal(count(p), 1);
	shown = p->rule;
	strcpy(path, p->path);
	shown.path = path;
	rule.verdict = CONSENT_DENY;
	assert_int_equal(consent_store_put(p->store, &rule, &err), 0);
	assert_int_equal(consent_store_replace(p->store, &shown, NULL, &err), -ESTALE);
	assert_int_equal(consent_store_replace(p->store, &shown, &new, &err), -ESTALE);
	assert_non_null(strstr(err.line, "changed elsewhere"));
	assert_int_equal(count(p), 1);
	assert_int_equal(p->rule.verdict, CONSENT_DENY);
	assert_string_equal(p->path, "/a");
	/* Once more it is the rule as it is. */
	assert_int_equal(consent_store_replace(p->store, &p->rule, NULL, &err), 0);
	assert_int_equal(consent_store_replace(p->store, &p->rule, NULL, &err), -ESTALE);
}

static void what_was_decided_meanwhile_is_not_written_over(void **state)
{
	struct place *p = *state;
	struct consent_rule rule = rule_on("/a", CONSENT_READ), other = rule_on("/a", CONSENT_WRITE), again = rule;
	struct consent_host_rule host = {.family = "A_x", .host = "example.org:443", .verdict = CONSENT_ALLOW,
					 .source = CONSENT_FROM_GRANT, .time_ms = 5};

	assert_int_equal(consent_store_put(p->store, &other, &err), 0);
	assert_int_equal(consent_store_replace(p->store, NULL, &rule, &err), 0);
	assert_int_equal(count(p), 2);
	again.verdict = CONSENT_DENY;
	assert_int_equal(consent_store_replace(p->store, NULL, &again, &err), -ESTALE);
	assert_non_null(strstr(err.line, "changed elsewhere"));
	assert_int_equal(count(p), 2);
	assert_int_equal(p->rule.verdict, CONSENT_ALLOW);
	assert_int_equal(consent_store_put_host(p->store, &host, &err), 0);
	assert_int_equal(consent_store_replace_host(p->store, NULL, &host, &err), -ESTALE);
	host.host = "example.org";
	assert_int_equal(consent_store_replace_host(p->store, NULL, &host, &err), 0);
	assert_int_equal(count(p), 4);
}

static void hosts_are_no_other(void **state)
{
	struct place *p = *state;
	struct consent_host_rule rule = {.family = "A_x", .host = "example.org:443", .verdict = CONSENT_ALLOW,
					 .source = CONSENT_FROM_GRANT, .time_ms = 5}, shown, new = rule;
	char name[64];

	new.verdict = CONSENT_DENY;
	assert_int_equal(consent_store_put_host(p->store, &rule, &err), 0);
	assert_int_equal(count(p), 1);
	shown = p->host;
	strcpy(name, p->name);
	shown.host = name;
	assert_int_equal(consent_store_replace_host(p->store, &shown, &new, &err), 0);
	assert_int_equal(count(p), 1);
	assert_int_equal(p->host.verdict, CONSENT_DENY);
	assert_int_equal(consent_store_replace_host(p->store, &shown, NULL, &err), -ESTALE);
	assert_int_equal(consent_store_replace_host(p->store, &p->host, NULL, &err), 0);
	assert_int_equal(count(p), 0);
}

static void without_a_store_nothing_is_there(void **state)
{
	struct place *p = *state;
	struct consent_rule rule = rule_on("/a", CONSENT_READ);
	struct consent_store *store;
	char dir[96];

	snprintf(dir, sizeof(dir), "%s/none", p->dir);
	assert_int_equal(consent_store_open(dir, STORE_READ, &store, &err), 0);
	assert_int_equal(consent_store_replace(store, &rule, NULL, &err), -ESTALE);
	consent_store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_of_two_on_the_same_path_is_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_change_is_one_step, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_as_it_was_shown_is_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_decided_meanwhile_is_not_written_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hosts_are_no_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_store_nothing_is_there, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
