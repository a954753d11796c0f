/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/frames.h"
#include <string.h>

#define MAX 1000

static unsigned char wire[4096];
static size_t wire_size;

static void put(const void *bytes, size_t size)
{
	memcpy(wire + wire_size, bytes, size);
	wire_size += size;
}

/* A masked frame, behind what is there. */
static void frame(unsigned char first, const char *payload, size_t size)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	const unsigned char small[2] = {first, (unsigned char)(0x80 | size)};
	const unsigned char large[4] = {first, 0x80 | 126, (unsigned char)(size >> 8), (unsigned char)size};

	if (size < 126)
		put(small, sizeof(small));
	else
		put(large, sizeof(large));
	put(mask, sizeof(mask));
	for (size_t i = 0; i < size; i++)
		put(&(unsigned char){(unsigned char)payload[i] ^ mask[i & 3]}, 1);
}

/* The next event of the wire, @step bytes at a time. */
static enum frames_event next(struct frames *f, size_t *at, size_t step)
{
	enum frames_event event = FRAMES_MORE;

	while (event == FRAMES_MORE && *at < wire_size) {
		size_t used, n = wire_size - *at < step ? wire_size - *at : step;

		event = frames_feed(f, wire + *at, n, &used);
		assert_true(used > 0 && used <= n);
		*at += used;
	}
	return event;
}

static void breaks(unsigned int code)
{
	for (size_t step = 1; step <= sizeof(wire); step *= 64) {
		struct frames f = {.max = MAX};
		size_t at = 0;

		assert_int_equal(next(&f, &at, step), FRAMES_BROKEN);
		assert_int_equal(f.code, code);
		frames_forget(&f);
	}
	wire_size = 0;
}

static void test_messages(void **state)
{
	(void)state;
	frame(0x81, "Hello", 5);
	frame(0x01, "Hel", 3);
	frame(0x89, "beat", 4);
	frame(0x8a, "", 0);
	frame(0x00, "", 0);
	frame(0x80, "lo", 2);
	frame(0x81, "", 0);
	frame(0x88, "\x03\xe8", 2);
	for (size_t step = 1; step <= sizeof(wire); step *= 2) {
		struct frames f = {.max = MAX};
		size_t at = 0;

		assert_int_equal(next(&f, &at, step), FRAMES_MESSAGE);
		assert_int_equal(f.size, 5);
		assert_memory_equal(f.data, "Hello", 5);
		frames_forget(&f);
		assert_int_equal(next(&f, &at, step), FRAMES_PINGED);
		assert_int_equal(f.control_size, 4);
		assert_memory_equal(f.control, "beat", 4);
		assert_int_equal(next(&f, &at, step), FRAMES_MESSAGE);
		assert_memory_equal(f.data, "Hello", 5);
		frames_forget(&f);
		assert_int_equal(next(&f, &at, step), FRAMES_MESSAGE);
		assert_int_equal(f.size, 0);
		frames_forget(&f);
		assert_int_equal(next(&f, &at, step), FRAMES_CLOSED);
		assert_int_equal(f.code, FRAMES_NORMAL);
		assert_int_equal(at, wire_size);
		frames_forget(&f);
	}
	wire_size = 0;
}

static void test_sizes(void **state)
{
	static char text[MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t size = 124; size <= MAX; size += size < 127 ? 1 : MAX - 127) {
		struct frames f = {.max = MAX};
		size_t at = 0;

		frame(0x81, text, size);
		assert_int_equal(next(&f, &at, 50), FRAMES_MESSAGE);
		assert_int_equal(f.size, size);
		assert_memory_equal(f.data, text, size);
		frames_forget(&f);
		wire_size = 0;
	}
	frame(0x81, text, MAX + 1);
	breaks(FRAMES_TOO_LARGE);
	frame(0x01, text, MAX);
	frame(0x80, text, 1);
	breaks(FRAMES_TOO_LARGE);
	put("\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00mask", 14);
	breaks(FRAMES_TOO_LARGE);
}

static void test_what_a_client_may_not_send(void **state)
{
	static const char begins[][9] = {
		"\x81\x05Hello",      /* not masked */
		"\xc1\x80mask",	      /* reserved bits */
		"\x83\x80mask",	      /* opcodes that mean nothing */
		"\x8b\x80mask",
		"\x80\x80mask",	      /* continues nothing */
		"\x09\x80mask",	      /* control in parts */
		"\x89\xfe\x01\x00mask", /* and too long */
	};
	static const char long_form[] = "\x81\xfe\x00\x05maskHello";
	static const char longest_form[] = "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x7emask";

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		put(begins[i], 8);
		breaks(FRAMES_PROTOCOL_ERROR);
	}
	put(long_form, sizeof(long_form) - 1);
	breaks(FRAMES_PROTOCOL_ERROR);
	put(longest_form, sizeof(longest_form) - 1);
	breaks(FRAMES_PROTOCOL_ERROR);
	frame(0x01, "a", 1);
	frame(0x81, "b", 1); /* begins another in it */
	breaks(FRAMES_PROTOCOL_ERROR);
	frame(0x82, "a", 1);
	breaks(FRAMES_NOT_TEXT);
	frame(0x81, "\xc3", 1);
	breaks(FRAMES_NOT_UTF8);
	frame(0x81, "\xed\xa0\x80", 3);
	breaks(FRAMES_NOT_UTF8);
}

static void test_close(void **state)
{
	struct frames f = {.max = MAX};
	size_t at = 0;

	(void)state;
	frame(0x88, "", 0);
	assert_int_equal(next(&f, &at, 3), FRAMES_CLOSED);
	assert_int_equal(f.code, FRAMES_NO_CODE);
	wire_size = 0;
	frame(0x88, "\x03", 1);
	breaks(FRAMES_PROTOCOL_ERROR);
	frame(0x88, "\x03\xed", 2); /* 1005 is never sent */
	breaks(FRAMES_PROTOCOL_ERROR);
	frame(0x88, "\x03\xe8\xff", 3);
	breaks(FRAMES_NOT_UTF8);
}

static void test_headers(void **state)
{
	unsigned char header[FRAMES_HEADER_MAX];

	(void)state;
	assert_int_equal(frames_header(FRAMES_TEXT, 125, header), 2);
	assert_memory_equal(header, "\x81\x7d", 2);
	assert_int_equal(frames_header(FRAMES_PONG, 0, header), 2);
	assert_memory_equal(header, "\x8a\x00", 2);
	assert_int_equal(frames_header(FRAMES_TEXT, 126, header), 4);
	assert_memory_equal(header, "\x81\x7e\x00\x7e", 4);
	assert_int_equal(frames_header(FRAMES_TEXT, 65536, header), 10);
	assert_memory_equal(header, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_what_a_client_may_not_send), cmocka_unit_test(test_close),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
