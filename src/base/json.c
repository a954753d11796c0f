/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

static void put(struct json_writer *w, const char *bytes, size_t n)
{
	if (w->used + n + 1 > w->size) {
		w->overflow = true;
		return;
	}
	memcpy(w->buffer + w->used, bytes, n);
	w->used += n;
	w->buffer[w->used] = '\0';
}

/* Length of a well-formed UTF-8 sequence of two bytes or more, 0 if there is none. */
static size_t multibyte(const unsigned char *p)
{
	unsigned int first = p[0], second = p[1];

	if (first >= 0xc2 && first <= 0xdf)
		return (second & 0xc0) == 0x80 ? 2 : 0;
	if ((second & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
		return 0;
	if (first == 0xe0)
		return second >= 0xa0 ? 3 : 0;
	if (first == 0xed)
		return second <= 0x9f ? 3 : 0;
	if (first >= 0xe1 && first <= 0xef)
		return 3;
	if ((p[3] & 0xc0) != 0x80)
		return 0;
	if (first == 0xf0)
		return second >= 0x90 ? 4 : 0;
	if (first == 0xf4)
		return second <= 0x8f ? 4 : 0;
	return first >= 0xf1 && first <= 0xf3 ? 4 : 0;
}

static void put_quoted(struct json_writer *w, const char *string)
{
	const unsigned char *p = (const unsigned char *)string;
	char escape[8];

	put(w, "\"", 1);
	while (*p) {
		size_t n = *p >= 0x80 ? multibyte(p) : 1;

		if (*p == '"' || *p == '\\') {
			escape[0] = '\\';
			escape[1] = (char)*p;
			put(w, escape, 2);
		} else if (*p < 0x20 || *p == 0x7f) {
			snprintf(escape, sizeof(escape), "\\u%04x", *p);
			put(w, escape, 6);
		} else if (n == 0) {
			snprintf(escape, sizeof(escape), "\\udc%02x", *p);
			put(w, escape, 6);
		} else {
			put(w, (const char *)p, n);
		}
		p += n ? n : 1;
	}
	put(w, "\"", 1);
}

static void begin(struct json_writer *w, const char *key)
{
	if (w->comma)
		put(w, ",", 1);
	w->comma = true;
	if (!key)
		return;
	put_quoted(w, key);
	put(w, ":", 1);
}

void jsonw_init(struct json_writer *w, char *buffer, size_t size)
{
	*w = (struct json_writer){.buffer = buffer, .size = size};
}

void jsonw_open(struct json_writer *w, const char *key, char bracket)
{
	begin(w, key);
	put(w, &bracket, 1);
	w->comma = false;
}

void jsonw_close(struct json_writer *w, char bracket)
{
	put(w, &bracket, 1);
	w->comma = true;
}

void jsonw_string(struct json_writer *w, const char *key, const char *value)
{
	begin(w, key);
	if (value)
		put_quoted(w, value);
	else
		put(w, "null", 4);
}

void jsonw_int(struct json_writer *w, const char *key, int64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRId64, value);

	begin(w, key);
	put(w, digits, (size_t)n);
}

void jsonw_bool(struct json_writer *w, const char *key, bool value)
{
	begin(w, key);
	put(w, value ? "true" : "false", value ? 4 : 5);
}

void jsonw_null(struct json_writer *w, const char *key)
{
	jsonw_string(w, key, NULL);
}

int jsonw_finish(struct json_writer *w)
{
	put(w, "\n", 1);
	return w->overflow ? -ENOBUFS : (int)w->used;
}
