/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include <string.h>

static void known_texts_both_ways(void **state)
{
	/* RFC 4648, section 10. */
	static const char *const rows[][2] = {{"", ""},		{"f", "Zg=="},	   {"fo", "Zm8="},
					      {"foo", "Zm9v"},	{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
					      {"foobar", "Zm9vYmFy"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[16];
		unsigned char bytes[16];
		size_t size;

		base64_encode(rows[i][0], strlen(rows[i][0]), text);
		assert_string_equal(text, rows[i][1]);
		assert_int_equal(strlen(text) + 1, base64_length(strlen(rows[i][0])));
		assert_int_equal(base64_decode(text, strlen(text), bytes, &size), 0);
		assert_int_equal(size, strlen(rows[i][0]));
		assert_memory_equal(bytes, rows[i][0], size);
	}
}

static void other_spellings_are_refused(void **state)
{
	static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg===", "====", "=AAA", "Z===", "Zh==", "Zm9=",
					    "Zg==Zg==", "Zm 9", "Zm9\n", "Zm-_", "Zm9vY\0=="};
	unsigned char bytes[16];
	size_t size;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(base64_decode(wrong[i], strlen(wrong[i]), bytes, &size), -EINVAL);
	assert_int_equal(base64_decode("Zm9\0", 4, bytes, &size), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts_both_ways),
		cmocka_unit_test(other_spellings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
