/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "package/blockmap.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define MAP                                                                                        \
	"<?xml version=\"1.0\"?><BlockMap "                                                        \
	"xmlns=\"http://schemas.microsoft.com/appx/2010/blockmap\" "                               \
	"HashMethod=\"http://www.w3.org/2001/04/xmlenc#sha256\">"                                  \
	"<File Name=\"a.txt\" Size=\"0\" LfhSize=\"35\"/></BlockMap>"

/* What the library printed while @text was read, as a size in bytes. */
static off_t printed_by(const char *text, size_t size, int *ret, struct appsilo_error *err)
{
	int seen_fd = memfd_create("stderr", MFD_CLOEXEC), kept_fd = dup(STDERR_FILENO);
	struct blockmap map = {0};
	off_t n;

	assert_true(seen_fd >= 0 && kept_fd >= 0);
	fflush(stderr);
	dup2(seen_fd, STDERR_FILENO);
	*ret = blockmap_parse(text, size, "map", &map, err);
	fflush(stderr);
	dup2(kept_fd, STDERR_FILENO);
	n = lseek(seen_fd, 0, SEEK_END);
	close(seen_fd);
	close(kept_fd);
	blockmap_done(&map);
	return n;
}

static void refused_silently(const char *text, size_t size, const char *word)
{
	struct appsilo_error err = {0};
	int r;

	assert_int_equal(printed_by(text, size, &r, &err), 0);
	assert_int_equal(r, -EBADMSG);
	assert_non_null(strstr(err.line, word));
}

/* Each character in @width bytes, the one that counts at @at; then some that are none. */
static size_t widen(char *ret, size_t width, size_t at)
{
	size_t n = strlen(MAP);

	memset(ret, 0, n * width);
	for (size_t i = 0; i < n; i++)
		ret[i * width + at] = MAP[i];
	memset(ret + n * width, 0xff, 64);
	return n * width + 64;
}

static void a_plain_map_is_read(void **state)
{
	struct appsilo_error err = {0};
	int r;

	(void)state;
	assert_int_equal(printed_by(MAP, strlen(MAP), &r, &err), 0);
	assert_int_equal(r, 0);
}

static void other_encodings_are_refused_and_nothing_is_printed(void **state)
{
	static const struct {
		size_t width, at;
	} wide[] = {{2, 0}, {2, 1}, {4, 0}, {4, 3}, {4, 1}, {4, 2}};
	char text[4 * sizeof(MAP) + 64];

	(void)state;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
		refused_silently(text, widen(text, wide[i].width, wide[i].at), "not UTF-8");
	memset(text, 0, sizeof(text));
	memcpy(text, "\x4c\x6f\xa7\x94", 4); /* <?xm in EBCDIC */
	refused_silently(text, sizeof(text), "not UTF-8");
	refused_silently(MAP "\xff", strlen(MAP) + 1, "not UTF-8");
}

static void broken_xml_is_refused_and_nothing_is_printed(void **state)
{
	(void)state;
	for (size_t n = 1; n < strlen(MAP); n++)
		refused_silently(MAP, n, "map");
	refused_silently("<a b='&lol;'>&lol;", 18, "map");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_map_is_read),
		cmocka_unit_test(other_encodings_are_refused_and_nothing_is_printed),
		cmocka_unit_test(broken_xml_is_refused_and_nothing_is_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
