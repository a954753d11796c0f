/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/host_config.h"
#include <string.h>

static unsigned int first, count;
static struct appsilo_error err;

static void a_range_is_read(void **state)
{
	(void)state;
	assert_int_equal(config_parse("# ids\n\tuid-range = 100000-165535 \n\n", &first, &count, &err), 0);
	assert_int_equal(first, 100000);
	assert_int_equal(count, 65536);
	assert_int_equal(config_parse("uid-range=1000-1001", &first, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(config_parse("", &first, &count, &err), 0);
	assert_int_equal(first, CONFIG_UID_FIRST);
}

/* Signs, overflows and ids that are not the sandbox's to use. */
static void anything_else_is_refused_with_its_line(void **state)
{
	static const char *const bad[] = {
		"\nuid-range = 999-2000",	   "\nuid-range = 1000-1000",
		"\nuid-range = -1-4294967294",	   "\nuid-range = 1000-4294967295",
		"\nuid-range = 4294968296-9999999999", "\nuid-range 1000-2000",
		"\nuid-range = 1000-2000 x",	   "\nuid-range =",
		"\nuid-range = +1000-2000",	   "\nuid-ranges = 1000-2000",
		"\ngid-range = 1000-2000",	   "\nuid-range = 1000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(config_parse(bad[i], &first, &count, &err), -EINVAL);
		assert_non_null(strstr(err.line, "line 2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_read),
		cmocka_unit_test(anything_else_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
