/* SPDX-License-Identifier: Apache-2.0 */
/* Escaped text draws what it says, and can be told back to the very bytes. */
#include "fuzz.h"

#include "base/text.h"
#include <errno.h>
#include <string.h>

/* The inverse, written from the description in text.h alone. */
static size_t unescape(const char *text, uint8_t *ret)
{
	size_t n = 0;

	while (*text) {
		unsigned int value;

		if (text[0] != '\\') {
			ret[n++] = (uint8_t)*text++;
		} else if (text[1] == '\\') {
			ret[n++] = '\\';
			text += 2;
		} else {
			ALWAYS(sscanf(text, "\\x%2x", &value) == 1);
			ret[n++] = (uint8_t)value;
			text += 4;
		}
	}
	return n;
}

static void check_visible(const char *text)
{
	size_t left = strlen(text), n;
	uint32_t c;

	for (; left; left -= n, text += n) {
		n = text_decode((const unsigned char *)text, left, &c);
		ALWAYS(n > 0);
		ALWAYS(c >= 0x20 && c != 0x7f && !(c >= 0x80 && c < 0xa0));
		ALWAYS(!(c >= 0x200b && c <= 0x200f) && !(c >= 0x202a && c <= 0x202e) &&
		       !(c >= 0x2066 && c <= 0x2069) && c != 0xfeff && c != 0x2028 && c != 0x2029);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(4 * size + 1), small[16];
	uint8_t *back = malloc(size + 1);
	int r;

	ALWAYS(text && back);
	ALWAYS(text_escape((const char *)data, size, text, 4 * size + 1) == 0);
	check_visible(text);
	ALWAYS(unescape(text, back) == size && memcmp(back, data, size) == 0);
	if (!memchr(data, '\0', size)) {
		char *again = malloc(size + 1);

		ALWAYS(again && text_unescape(text, again, size + 1) == 0);
		ALWAYS(strlen(again) == size && memcmp(again, data, size) == 0);
		free(again);
	}
	r = text_escape((const char *)data, size, small, sizeof(small));
	ALWAYS(r == (strlen(text) < sizeof(small) ? 0 : -ENAMETOOLONG));
	ALWAYS(strlen(small) < sizeof(small) && strncmp(small, text, strlen(small)) == 0);
	free(text);
	free(back);
	return 0;
}
