/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/record_line.h"

#include "base/json.h"
#include "base/text.h"
#include <stddef.h>
#include <string.h>

/*
 * Names are bytes; those that are no UTF-8 stand in the record as lone surrogates \udcNN
 * (base/json.h), which no JSON library takes. While the line is parsed they are private
 * characters U+F8NN instead; a record that holds such characters too is not parsed.
 */
static char *hide_bytes(const char *line, size_t length, bool *ret_any)
{
	char *copy = strndup(line, length);

	*ret_any = false;
	for (char *at = copy; copy && (at = strstr(at, "\\udc")); at += 4) {
		size_t slashes = 0;

		while (at - slashes > copy && at[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		if (slashes % 2 || !(at[4] == '8' || at[4] == '9' || (at[4] >= 'a' && at[4] <= 'f')))
			continue;
		memcpy(at + 2, "f8", 2);
		*ret_any = true;
	}
	return copy;
}

static bool holds_private(const char *line)
{
	/* U+F880 to U+F8FF, as UTF-8 and as escapes */
	return strstr(line, "\xef\xa2") || strstr(line, "\xef\xa3") || strstr(line, "\\uf8") ||
	       strstr(line, "\\uF8");
}

/* Back to the bytes they stand for. */
static void show_bytes(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		const unsigned char *p = (const unsigned char *)from;

		if (p[0] == 0xef && (p[1] == 0xa2 || p[1] == 0xa3) && p[2]) {
			*to++ = (char)((p[1] == 0xa3 ? 0xc0 : 0x80) | (p[2] & 0x3f));
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static bool holds_controls(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return true;
	return false;
}

static json_t *parse(const char *line, size_t length, bool *ret_hidden)
{
	cleanup_free char *copy = NULL;
	json_t *object;

	/* Our writer escapes both. */
	if (holds_controls(line, length))
		return NULL;
	copy = hide_bytes(line, length, ret_hidden);
	if (*ret_hidden && holds_private(line))
		return NULL;
	object = copy ? json_loadb(copy, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

bool record_line_parse(const char *line, size_t length, struct record_line *ret)
{
	*ret = (struct record_line){.buffer = malloc(RECORD_SHOWN_MAX)};
	if (ret->buffer)
		ret->object = parse(line, length, &ret->hidden);
	return ret->object;
}

void record_line_done(struct record_line *r)
{
	json_decref(r->object);
	free(r->buffer);
}

char *record_line_bytes(const struct record_line *r, const json_t *object, const char *key)
{
	const char *word = json_string_value(json_object_get(object, key));
	char *bytes = word ? strdup(word) : NULL;

	if (bytes && r->hidden)
		show_bytes(bytes);
	return bytes;
}

const char *record_line_shown(const struct record_line *r, const json_t *object, const char *key)
{
	cleanup_free char *bytes = record_line_bytes(r, object, key);

	return bytes ? text_show(bytes, r->buffer, RECORD_SHOWN_MAX) : "?";
}

void record_line_damaged(const char *line, bool json, FILE *out)
{
	cleanup_free char *buffer = malloc(RECORD_SHOWN_MAX);
	struct json_writer w;

	if (!json) {
		fprintf(out, "damaged line: %s\n",
			buffer ? text_show(line, buffer, RECORD_SHOWN_MAX) : "(out of memory)");
		return;
	}
	jsonw_init(&w, buffer, buffer ? RECORD_SHOWN_MAX : 0);
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "damaged", line);
	jsonw_close(&w, '}');
	fputs(w.overflow ? "{\"damaged\":null}" : buffer, out);
}
