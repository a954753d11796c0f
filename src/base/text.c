/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

struct range {
	uint32_t first, last;
};

/* Code points that draw nothing, reorder their neighbours, or break lines. */
static const struct range invisible[] = {
	{0x0000, 0x001f}, {0x007f, 0x00a0}, {0x00ad, 0x00ad}, {0x034f, 0x034f},
	{0x061c, 0x061c}, {0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5},
	{0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f},
	{0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164}, {0xd800, 0xf8ff},
	{0xfdd0, 0xfdef}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
	{0xfff0, 0xffff}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff},
};

static bool is_invisible(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(invisible); i++)
		if (c >= invisible[i].first && c <= invisible[i].last)
			return true;
	return false;
}

size_t text_decode(const unsigned char *p, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80		 ? 1
		   : (p[0] & 0xe0) == 0xc0 ? 2
		   : (p[0] & 0xf0) == 0xe0 ? 3
		   : (p[0] & 0xf8) == 0xf0 ? 4
					   : 0;
	uint32_t c;

	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

bool text_is_utf8(const char *bytes, size_t length)
{
	const unsigned char *p = (const unsigned char *)bytes;
	uint32_t c;
	size_t n;

	for (size_t i = 0; i < length; i += n) {
		n = text_decode(p + i, length - i, &c);
		if (n == 0 || c == 0)
			return false;
	}
	return true;
}

bool text_is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

const char *text_time(int64_t time_ms, char ret[TEXT_TIME_SIZE])
{
	time_t seconds = (time_t)(time_ms / 1000);
	struct tm parts;

	if (time_ms < 0 || !gmtime_r(&seconds, &parts) || parts.tm_year >= 8100)
		return strcpy(ret, "?");
	/* Not strftime(), which reads the time zone. */
	snprintf(ret, TEXT_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1,
		 parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
	return ret;
}

int text_escape(const char *bytes, size_t length, char *ret, size_t size)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t used = 0;

	if (size == 0)
		return -ENAMETOOLONG;
	for (size_t i = 0; i < length;) {
		uint32_t c = 0;
		size_t n = text_decode(p + i, length - i, &c);
		bool plain = n > 0 && !is_invisible(c) && c != '\\';
		size_t take = n > 0 ? n : 1;
		size_t need = plain ? n : c == '\\' && n == 1 ? 2 : 4 * take;

		if (used + need + 1 > size) {
			ret[used] = '\0';
			return -ENAMETOOLONG;
		}
		if (plain)
			memcpy(ret + used, p + i, n);
		else if (c == '\\' && n == 1)
			memcpy(ret + used, "\\\\", 2);
		else
			for (size_t k = 0; k < take; k++)
				snprintf(ret + used + 4 * k, 5, "\\x%02x", p[i + k]);
		used += need;
		i += take;
	}
	ret[used] = '\0';
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether @shown is what text_escape() makes of @bytes. */
static bool is_shown_as(const char *bytes, const char *shown)
{
	char again[4 * 4 + 1];
	uint32_t c;
	size_t n;

	for (size_t left = strlen(bytes); left > 0; left -= n) {
		n = text_decode((const unsigned char *)bytes, left, &c);
		n = n ? n : 1;
		if (text_escape(bytes, n, again, sizeof(again)) < 0 ||
		    strncmp(shown, again, strlen(again)) != 0)
			return false;
		bytes += n;
		shown += strlen(again);
	}
	return !*shown;
}

int text_unescape(const char *shown, char *ret, size_t size)
{
	size_t used = 0;

	if (size == 0)
		return -ENAMETOOLONG;
	for (const char *p = shown; *p; used++) {
		int high, low;

		if (used + 1 >= size)
			return -ENAMETOOLONG;
		if (*p != '\\') {
			ret[used] = *p++;
		} else if (p[1] == '\\') {
			ret[used] = '\\';
			p += 2;
		} else if (p[1] == 'x' && (high = hex_digit(p[2])) >= 0 && (low = hex_digit(p[3])) >= 0 &&
			   high + low > 0) {
			ret[used] = (char)(high << 4 | low);
			p += 4;
		} else {
			return -EINVAL;
		}
	}
	ret[used] = '\0';
	return is_shown_as(ret, shown) ? 0 : -EINVAL;
}

const char *text_show(const char *string, char *buffer, size_t size)
{
	if (text_escape(string, strlen(string), buffer, size) < 0)
		snprintf(buffer, size, "(name too long to show)");
	return buffer;
}

size_t text_distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);

	if (n >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return ARRAY_SIZE(row);
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

size_t text_encode(uint32_t c, char ret[4])
{
	if (c < 0x80) {
		ret[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		ret[0] = (char)(0xc0 | c >> 6);
		ret[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret[0] = (char)(0xe0 | c >> 12);
		ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
		ret[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	ret[0] = (char)(0xf0 | c >> 18);
	ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
	ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
	ret[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}
