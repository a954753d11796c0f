/* SPDX-License-Identifier: Apache-2.0 */
/* The id of a run says when it began: what why and the kept records go by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/runs.h"
#include <string.h>

static void a_later_run_sorts_later(void **state)
{
	static const int64_t moments[] = {1764182371999, 1764182372000, 1764182372007, 1764182372100,
					  1764182372999, 1764182373000, 1767225599999, 1767225600000};
	char before[RUNS_ID_MAX] = "", id[RUNS_ID_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(*moments); i++) {
		/* Whatever the pids: they wrap, and 10000 stands before 9999 as text. */
		runs_make_id(moments[i], i % 2 ? 10000 : 9999, id);
		assert_true(strcmp(before, id) < 0);
		strcpy(before, id);
	}
}

static void runs_of_one_moment_differ(void **state)
{
	char one[RUNS_ID_MAX], other[RUNS_ID_MAX];

	(void)state;
	runs_make_id(1764182372007, 4194303, one);
	runs_make_id(1764182372007, 4194304, other);
	assert_string_equal(one, "20251126-183932.007-4194303");
	assert_string_not_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_run_sorts_later),
		cmocka_unit_test(runs_of_one_moment_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
