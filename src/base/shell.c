/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shell.h"

#include "base/text.h"
#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+=";

/* Does every character of @word show as itself? */
static bool shows(const char *word)
{
	char shown[5];

	for (size_t left = strlen(word), n; left > 0; left -= n, word += n) {
		uint32_t c;

		n = text_decode((const unsigned char *)word, left, &c);
		if (n == 0 || text_escape(word, n, shown, sizeof(shown)) < 0 ||
		    (*word != '\\' && strncmp(word, shown, n) != 0))
			return false;
	}
	return true;
}

bool shell_is_quoted(const char *text)
{
	if (!shows(text))
		return false;
	while (*text) {
		size_t n = strspn(text, plain);
		bool escaped = strncmp(text, "$'", 2) == 0;

		if (n > 0 || *text == ' ') {
			text += n ? n : 1;
		} else if (strncmp(text, "\\'", 2) == 0) {
			text += 2;
		} else if (*text == '\'' || escaped) {
			for (text += 1 + escaped; *text && *text != '\''; text++)
				if (escaped && *text == '\\' && text[1])
					text++;
			if (!*text++)
				return false;
		} else {
			return false;
		}
	}
	return true;
}

struct out {
	char *at, *end;
};

static void put(struct out *o, const char *text)
{
	while (*text && o->at < o->end)
		*o->at++ = *text++;
}

/* Inside of $'...': text_escape()'s own marks mean the same there. */
static void quote_escaped(const char *word, struct out *o)
{
	put(o, "$'");
	for (; *word; word++) {
		const char one[2] = {*word, '\0'};
		char shown[8];

		if (*word == '\'')
			put(o, "\\'");
		else if (text_escape(one, 1, shown, sizeof(shown)) == 0)
			put(o, shown);
	}
	put(o, "'");
}

static void quote_raw(const char *word, struct out *o)
{
	const char *mark = *word && strspn(word, plain) == strlen(word) ? "" : "'";

	put(o, mark);
	for (; *word; word++) {
		const char one[2] = {*word, '\0'};

		put(o, *word == '\'' ? "'\\''" : one);
	}
	put(o, mark);
}

static int finish(struct out *o, char *ret, size_t size)
{
	if (o->at < o->end)
		*o->at = '\0';
	else if (size > 0)
		*ret = '\0';
	return o->at < o->end ? 0 : -ENAMETOOLONG;
}

int shell_quote(const char *word, char *ret, size_t size)
{
	struct out o = {ret, ret + size};

	quote_raw(word, &o);
	return finish(&o, ret, size);
}

int shell_quote_shown(const char *word, char *ret, size_t size)
{
	struct out o = {ret, ret + size};

	if (shows(word))
		quote_raw(word, &o);
	else
		quote_escaped(word, &o);
	return finish(&o, ret, size);
}
