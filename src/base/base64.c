/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t size, char *ret)
{
	const unsigned char *p = data;

	for (; size >= 3; p += 3, size -= 3) {
		*ret++ = digits[p[0] >> 2];
		*ret++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
		*ret++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
		*ret++ = digits[p[2] & 63];
	}
	if (size) {
		*ret++ = digits[p[0] >> 2];
		*ret++ = digits[(p[0] & 3) << 4 | (size == 2 ? p[1] >> 4 : 0)];
		*ret++ = size == 2 ? digits[(p[1] & 15) << 2] : '=';
		*ret++ = '=';
	}
	*ret = '\0';
}

static int value_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int base64_decode(const char *text, size_t length, unsigned char *ret, size_t *ret_size)
{
	size_t used = 0, padding = 0;

	if (length % 4)
		return -EINVAL;
	if (length && text[length - 1] == '=')
		padding = text[length - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < length; i += 4) {
		size_t n = i + 4 == length ? 4 - padding : 4;
		uint32_t bits = 0;

		for (size_t j = 0; j < 4; j++) {
			int value = j < n ? value_of(text[i + j]) : 0;

			if (value < 0)
				return -EINVAL;
			bits = bits << 6 | (uint32_t)value;
		}
		/* Bits that no byte takes must be zero: one spelling for each value. */
		if (bits & (n == 2 ? 0xffff : n == 3 ? 0xff : 0))
			return -EINVAL;
		for (size_t j = 0; j + 1 < n; j++)
			ret[used++] = (unsigned char)(bits >> (16 - 8 * j));
	}
	*ret_size = used;
	return 0;
}
