/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/term_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect_off(const struct term_state *s, const char *expected)
{
	char bytes[TERM_SEQUENCE_MAX];
	size_t n = term_state_off(s, bytes);

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(bytes, expected, n);
}

static void feed(struct term_state *s, const char *text)
{
	term_state_feed(s, text, strlen(text));
}

static void plain_output_leaves_nothing(void **data)
{
	struct term_state s = {0};

	(void)data;
	feed(&s, "text \xc3\xa9 \033[1;31mred\033[0m \033[2J\033[H\033]0;title\007\033[?25h");
	expect_off(&s, "");
}

static void each_mode_is_switched_off_and_on_again(void **data)
{
	struct term_state s = {0};
	char bytes[TERM_SEQUENCE_MAX];
	size_t n;

	(void)data;
	feed(&s, "\033[?1049h\033[?1000;1006h\033[?2004h\033[?25l\033[2;20r\033=");
	assert_true(term_state_is_full_screen(&s));
	expect_off(&s, "\033[?1000l\033[?1006l\033[?2004l\033>\0337\033[r\0338\033[?1049l\033[?25h");
	n = term_state_on(&s, bytes);
	bytes[n] = '\0';
	assert_string_equal(bytes, "\033[?1049h\0337\033[2;20r\0338\033[?1000h\033[?1006h\033[?2004h\033="
				   "\033[?25l");
	feed(&s, "\033[?1000;1006l\033[?2004l\033[?25h\033[r\033>\033[?1049l");
	expect_off(&s, "");
}

static void a_sequence_may_come_byte_by_byte(void **data)
{
	struct term_state s = {0};
	const char *text = "\033[?10\030\033[?1047h";

	(void)data;
	for (; *text; text++)
		term_state_feed(&s, text, 1);
	expect_off(&s, "\033[?1047l");
}

static void strings_and_long_sequences_are_skipped(void **data)
{
	struct term_state s = {0};
	char text[512];

	(void)data;
	feed(&s, "\033]0;[?1049h\033\\");
	feed(&s, "\033P[?1049h[?25l\033\\");
	expect_off(&s, "");
	memset(text, '1', sizeof(text));
	text[0] = '\033';
	text[1] = '[';
	term_state_feed(&s, text, sizeof(text));
	feed(&s, "h");
	expect_off(&s, "");
}

static void a_cut_sequence_is_cancelled(void **data)
{
	struct term_state s = {0};

	(void)data;
	feed(&s, "\033[?10");
	expect_off(&s, "\030\033\\");
}

static void resets_forget(void **data)
{
	struct term_state s = {0};

	(void)data;
	feed(&s, "\033[?1049h\033[?1003h\033[!p");
	expect_off(&s, "\033[?1049l");
	feed(&s, "\033c");
	expect_off(&s, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_output_leaves_nothing),
		cmocka_unit_test(each_mode_is_switched_off_and_on_again),
		cmocka_unit_test(a_sequence_may_come_byte_by_byte),
		cmocka_unit_test(strings_and_long_sequences_are_skipped),
		cmocka_unit_test(a_cut_sequence_is_cancelled),
		cmocka_unit_test(resets_forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
