/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/path.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/json.h"
#include <string.h>

static void text_is(const char *in, size_t n, const char *want)
{
	char out[256];

	assert_int_equal(text_escape(in, n, out, sizeof(out)), 0);
	assert_string_equal(out, want);
}

static void escape_shows_every_dangerous_class(void **state)
{
	(void)state;
	text_is("plain/ü日.txt", strlen("plain/ü日.txt"), "plain/ü日.txt");
	text_is("a\x1b[2Jb", 6, "a\\x1b[2Jb");
	text_is("a\nb\0c", 5, "a\\x0ab\\x00c");
	text_is("\x7f\xc2\x9b", 3, "\\x7f\\xc2\\x9b");		    /* DEL, C1 CSI */
	text_is("\xe2\x80\xae", 3, "\\xe2\\x80\\xae");		    /* right-to-left override */
	text_is("\xe2\x80\x8b", 3, "\\xe2\\x80\\x8b");		    /* zero-width space */
	text_is("\xff\xc0\xaf\xed\xa0\x80", 6, "\\xff\\xc0\\xaf\\xed\\xa0\\x80"); /* not UTF-8 */
	text_is("a\\x1b", 5, "a\\\\x1b");			    /* no two inputs look alike */
}

static void what_is_shown_leads_back_to_the_bytes(void **state)
{
	static const char *const names[] = {"plain/ü日.txt", "a\x1b[2Jb", "a\nb", "\xff\xfe", "a\\x1b",
					    "\\\\", "\xed\xb2\x80", "\xe2\x80\xae", "a  b", "\xef\xa3\xbf",
					    "", "\xc2"};
	static const char *const others[] = {"\\", "\\x", "\\x4", "\\x41", "\\xFF", "\\x00", "\\n", "a\nb",
					     "\xff", "\\u0041"};
	char shown[256], bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		text_show(names[i], shown, sizeof(shown));
		assert_int_equal(text_unescape(shown, bytes, sizeof(bytes)), 0);
		assert_string_equal(bytes, names[i]);
		assert_int_equal(text_unescape(shown, bytes, strlen(names[i])), -ENAMETOOLONG);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(text_unescape(others[i], bytes, sizeof(bytes)), -EINVAL);
}

static void utf8_is_told_from_other_bytes(void **state)
{
	(void)state;
	assert_true(text_is_utf8("", 0));
	assert_true(text_is_utf8("plain/ü日.txt", strlen("plain/ü日.txt")));
	assert_false(text_is_utf8("a\0b", 3));
	assert_false(text_is_utf8("a\xff", 2));
	assert_false(text_is_utf8("\xe2\x80", 2));	   /* cut off */
	assert_false(text_is_utf8("\xc0\xaf", 2));	   /* a longer spelling of "/" */
	assert_false(text_is_utf8("\x4c\x6f\xa7\x94", 4)); /* <?xm in EBCDIC */
}

static void escape_refuses_rather_than_cuts(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(text_escape("12345678", 8, out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(text_escape("\n\n", 2, out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(text_escape("1234567", 7, out, sizeof(out)), 0);
}

static void paths_are_cleaned_lexically(void **state)
{
	char out[64];

	(void)state;
	assert_int_equal(path_clean("/a/b", "../c//./d/", out, sizeof(out)), 0);
	assert_string_equal(out, "/a/c/d");
	assert_int_equal(path_clean("/", "../../..", out, sizeof(out)), 0);
	assert_string_equal(out, "/");
	assert_int_equal(path_clean("/a", "", out, sizeof(out)), -EINVAL);
	assert_int_equal(path_clean("a", "b", out, sizeof(out)), -EINVAL);
	assert_int_equal(path_clean("/a", "0123456789012345678901234567890123456789012345678901234567890123",
				    out, sizeof(out)),
			 -ENAMETOOLONG);
}

static void under_is_by_component(void **state)
{
	(void)state;
	assert_true(path_is_under("/a/b", "/a"));
	assert_true(path_is_under("/a", "/a"));
	assert_true(path_is_under("/a", "/"));
	assert_false(path_is_under("/ab", "/a"));
	assert_false(path_is_under("/", "/a"));
	assert_false(path_is_under(".ssh", "x")); /* one letter is not the root */
}

static void sha256_vectors(void **state)
{
	static const unsigned char abc[4] = {0xba, 0x78, 0x16, 0xbf};
	static const unsigned char empty[4] = {0xe3, 0xb0, 0xc4, 0x42};
	unsigned char out[SHA256_SIZE];
	struct sha256 s;
	char digits[14];

	(void)state;
	sha256_init(&s);
	sha256_add(&s, "abc", 3);
	sha256_finish(&s, out);
	assert_memory_equal(out, abc, sizeof(abc));
	sha256_init(&s);
	sha256_finish(&s, out);
	assert_memory_equal(out, empty, sizeof(empty));
	/* FIPS 180-4 lengths around the padding's edge give the same as in pieces. */
	for (size_t n = 50; n < 70; n++) {
		unsigned char whole[SHA256_SIZE];
		char bytes[70];

		memset(bytes, 'x', sizeof(bytes));
		sha256_init(&s);
		sha256_add(&s, bytes, n);
		sha256_finish(&s, whole);
		sha256_init(&s);
		for (size_t i = 0; i < n; i++)
			sha256_add(&s, bytes + i, 1);
		sha256_finish(&s, out);
		assert_memory_equal(out, whole, SHA256_SIZE);
	}
	memset(out, 0xff, sizeof(out));
	sha256_crockford13(out, digits);
	assert_string_equal(digits, "zzzzzzzzzzzzy");
}

static void json_escapes_and_reports_overflow(void **state)
{
	char out[128];
	struct json_writer w;

	(void)state;
	jsonw_init(&w, out, sizeof(out));
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "a", "q\"\\\n\xff");
	jsonw_int(&w, "b", -5);
	jsonw_bool(&w, "c", true);
	jsonw_null(&w, "d");
	jsonw_close(&w, '}');
	assert_true(jsonw_finish(&w) > 0);
	assert_string_equal(out, "{\"a\":\"q\\\"\\\\\\u000a\\udcff\",\"b\":-5,\"c\":true,\"d\":null}\n");
	jsonw_init(&w, out, 8);
	jsonw_string(&w, NULL, "too long for it");
	assert_int_equal(jsonw_finish(&w), -ENOBUFS);
}

static void times_show_in_utc(void **state)
{
	char text[TEXT_TIME_SIZE];

	(void)state;
	assert_string_equal(text_time(0, text), "1970-01-01T00:00:00");
	assert_string_equal(text_time(1795681783999, text), "2026-11-26T08:29:43");
	assert_string_equal(text_time(253402300799999, text), "9999-12-31T23:59:59");
	assert_string_equal(text_time(253402300800000, text), "?");
	assert_string_equal(text_time(-1, text), "?");
	assert_string_equal(text_time(INT64_MAX, text), "?");
}

static void words_are_whole(void **state)
{
	static const char *const words[] = {"deny", "allow", NULL};

	(void)state;
	assert_true(text_is_one_of("allow", words));
	assert_false(text_is_one_of("allo", words));
	assert_false(text_is_one_of("", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escape_shows_every_dangerous_class),
		cmocka_unit_test(what_is_shown_leads_back_to_the_bytes),
		cmocka_unit_test(utf8_is_told_from_other_bytes),
		cmocka_unit_test(escape_refuses_rather_than_cuts),
		cmocka_unit_test(paths_are_cleaned_lexically),
		cmocka_unit_test(under_is_by_component),
		cmocka_unit_test(times_show_in_utc),
		cmocka_unit_test(words_are_whole),
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(json_escapes_and_reports_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
