/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/runtimes.h"
#include "server/semver.h"
#include "server/verdict.h"
#include <string.h>

static bool same(const char *a, const char *b)
{
	return verdict_same(a, strlen(a), b, strlen(b));
}

static void white_space_at_ends_does_not_count(void **state)
{
	(void)state;
	assert_true(same("", ""));
	assert_true(same("\n\n", ""));
	assert_true(same("a", "a\n"));
	assert_true(same("a  \r\nb", "a\nb\t\n\n"));
	assert_false(same("a", ""));
	assert_false(same("a\n\nb", "a\nb"));
	assert_false(same(" a", "a"));
	assert_false(same("a b", "a  b"));
	assert_false(same("ab", "a\nb"));
	assert_false(same("a", "a\nb"));
	assert_false(verdict_same("a\0b", 3, "a\0c", 3));
}

static void a_verdict_from_how_it_ended(void **state)
{
	struct sandbox_result r = {.reason = SANDBOX_EXITED};

	(void)state;
	assert_null(verdict_of_result(&r));
	r.exit_code = 1;
	assert_string_equal(verdict_of_result(&r), "runtime-error");
	r.reason = SANDBOX_TIMEOUT;
	assert_string_equal(verdict_of_result(&r), "time-limit");
	r = (struct sandbox_result){0};
	assert_string_equal(verdict_of_result(&r), "failed");
}

static void version_selectors(void **state)
{
	static const struct {
		const char *selector;
		bool fits;
	} rows[] = {{"*", true},       {"3", true},	  {"3.x", true},    {"3.11", true},   {"3.11.2", true},
		    {"3.11.x", true},  {"=3.11.2", true}, {"^3.10.0", true}, {"~3.11.0", true}, {">=3", true},
		    {"2", false},      {"3.1", false},	  {"3.11.3", false}, {"^4", false},	{"~3.10", false},
		    {">=3.12", false}, {"", true},	  {"x y", false},    {"3.", true},	{"three", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (semver_fits(rows[i].selector, "3.11.2") != rows[i].fits)
			fail_msg("%s", rows[i].selector);
}

static void versions_in_what_programs_print(void **state)
{
	char version[RUNTIME_VERSION_MAX];

	(void)state;
	assert_true(runtime_version_parse("Python 3.11.2\n", version));
	assert_string_equal(version, "3.11.2");
	assert_true(runtime_version_parse("GNU bash, version 5.2.15(1)-release (x86_64)\n", version));
	assert_string_equal(version, "5.2.15");
	assert_true(runtime_version_parse("v18.20.4", version));
	assert_string_equal(version, "18.20.4");
	assert_false(runtime_version_parse("none 12", version));
	assert_false(runtime_version_parse("", version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(white_space_at_ends_does_not_count),
		cmocka_unit_test(a_verdict_from_how_it_ended),
		cmocka_unit_test(version_selectors),
		cmocka_unit_test(versions_in_what_programs_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
