/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/stack_text.h"

#include "base/text.h"
#include <inttypes.h>
#include <string.h>

#define WORD_MAX (4 * STACK_NAME_MAX)
/* "|more" and the NUL, for which there is always room. */
#define RESERVED 6

static const char *const kinds[] = {
	[STACK_PYTHON] = "python", [STACK_NATIVE] = "native", [STACK_MORE] = "more"};

/* text_escape() lets both separators stand. */
static int escape_word(const char *name, char ret[WORD_MAX])
{
	char shown[WORD_MAX];
	size_t n = 0;

	if (!*name)
		name = "-";
	if (text_escape(name, strlen(name), shown, sizeof(shown)) < 0)
		return -ENAMETOOLONG;
	for (const char *p = shown; *p; p++) {
		bool separates = *p == ' ' || *p == '|';

		if (n + 5 > WORD_MAX)
			return -ENAMETOOLONG;
		n += (size_t)snprintf(ret + n, WORD_MAX - n, separates ? "\\x%02x" : "%c", *p);
	}
	return 0;
}

static int unescape_word(const char *word, size_t length, char ret[STACK_NAME_MAX])
{
	char shown[WORD_MAX];
	size_t n = 0;

	if (length == 0 || length >= WORD_MAX)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (word[i] != '\\' || i + 1 >= length) {
			shown[n++] = word[i];
		} else if (word[i + 1] == '\\') {
			shown[n++] = word[i++];
			shown[n++] = '\\';
		} else if (i + 3 < length && (strncmp(word + i, "\\x20", 4) == 0 || strncmp(word + i, "\\x7c", 4) == 0)) {
			shown[n++] = word[i + 2] == '2' ? ' ' : '|';
			i += 3;
		} else {
			shown[n++] = '\\';
		}
	}
	shown[n] = '\0';
	if (text_unescape(shown, ret, STACK_NAME_MAX) < 0)
		return -EINVAL;
	if (strcmp(ret, "-") == 0)
		*ret = '\0';
	return 0;
}

void stack_add(struct stack_writer *w, const struct stack_frame *frame)
{
	const char *bar = w->n ? "|" : "";
	char function[WORD_MAX], file[WORD_MAX];
	size_t room = sizeof(w->text) - RESERVED - w->n;
	int n = -1;

	if (w->full)
		return;
	if (frame->kind == STACK_MORE)
		n = snprintf(w->text + w->n, room, "%s%s", bar, kinds[STACK_MORE]);
	else if (escape_word(frame->function, function) == 0 && escape_word(frame->file, file) == 0)
		n = snprintf(w->text + w->n, room, frame->kind == STACK_PYTHON ? "%s%s %s %s %" PRIu64 : "%s%s %s %s +%" PRIu64,
			     bar, kinds[frame->kind], function, file, frame->number);
	w->full = n < 0 || (size_t)n >= room;
	if (w->full)
		n = snprintf(w->text + w->n, sizeof(w->text) - w->n, "%s%s", bar, kinds[STACK_MORE]);
	w->n += (size_t)n;
}

static int read_number(const char *word, size_t length, enum stack_kind kind, uint64_t *ret)
{
	char again[32];

	if (length == 0 || length > 21 || (*word == '+') != (kind == STACK_NATIVE))
		return -EINVAL;
	*ret = strtoull(word + (*word == '+'), NULL, 10);
	snprintf(again, sizeof(again), "%s%" PRIu64, *word == '+' ? "+" : "", *ret);
	return strlen(again) == length && strncmp(again, word, length) == 0 ? 0 : -EINVAL;
}

int stack_next(const char **at, struct stack_frame *ret)
{
	const char *words[4], *p = *at, *end = p + strcspn(p, "|");
	size_t lengths[4], n = 0;

	while (n < 4) {
		words[n] = p;
		p += strcspn(p, " |");
		lengths[n] = (size_t)(p - words[n]);
		if (++n < 4 && p < end)
			p++;
		else
			break;
	}
	*at = *end ? end + 1 : NULL;
	*ret = (struct stack_frame){.kind = STACK_MORE};
	if (p != end)
		return -EINVAL;
	if (n == 1)
		return lengths[0] == 4 && strncmp(words[0], kinds[STACK_MORE], 4) == 0 ? 0 : -EINVAL;
	if (n != 4 || lengths[0] != 6)
		return -EINVAL;
	ret->kind = strncmp(words[0], kinds[STACK_PYTHON], 6) == 0 ? STACK_PYTHON : STACK_NATIVE;
	if (strncmp(words[0], kinds[ret->kind], 6) != 0 || unescape_word(words[1], lengths[1], ret->function) < 0 ||
	    unescape_word(words[2], lengths[2], ret->file) < 0)
		return -EINVAL;
	return read_number(words[3], lengths[3], ret->kind, &ret->number);
}

bool stack_is_valid(const char *text)
{
	struct stack_frame frame;

	if (strlen(text) >= STACK_TEXT_MAX)
		return false;
	for (const char *at = *text ? text : NULL; at;)
		if (stack_next(&at, &frame) < 0)
			return false;
	return true;
}
