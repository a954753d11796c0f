/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/shell.h"
#include <string.h>

static const struct {
	const char *word, *quoted;
} words[] = {
	{"a-b/c.d", "a-b/c.d"},	    {"", "''"},		       {"a b", "'a b'"},
	{"it's", "'it'\\''s'"},	    {"$(x)", "'$(x)'"},	       {"a\\b", "'a\\b'"},
	{"a\nb'", "$'a\\x0ab\\''"}, {"\xff", "$'\\xff'"},      {"\xc3\xa9", "'\xc3\xa9'"},
	{"~", "'~'"},		    {"\xe2\x80\xae\\", "$'\\xe2\\x80\\xae\\\\'"},
};

static void words_are_quoted_only_where_it_takes_it(void **state)
{
	char quoted[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		assert_int_equal(shell_quote_shown(words[i].word, quoted, sizeof(quoted)), 0);
		assert_string_equal(quoted, words[i].quoted);
		assert_true(shell_is_quoted(quoted));
	}
	assert_int_equal(shell_quote_shown("abcd", quoted, 4), -ENAMETOOLONG);
	assert_int_equal(shell_quote("a\nb", quoted, sizeof(quoted)), 0);
	assert_string_equal(quoted, "'a\nb'");
}

static void what_a_shell_would_see_more_in_is_no_quoted_word(void **state)
{
	static const char *const bad[] = {"a; b", "$(a)", "a && b", "`a`", "'a", "$'a\\'", "a\nb", "a > b", "a|b",
					  "\"a\"", "$x", "a & b", "*", "\\x", "a\x1b", "#", "(a)", "~", "'a'\\"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(shell_is_quoted(bad[i]));
	assert_true(shell_is_quoted("-- python3 -c 'import x; y' --a=b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_quoted_only_where_it_takes_it),
		cmocka_unit_test(what_a_shell_would_see_more_in_is_no_quoted_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
