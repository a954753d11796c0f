/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/stack.h"

#include <inttypes.h>
#include <string.h>

static bool is_known(const struct stack_frame *frame, enum stack_kind kind)
{
	return frame->kind == kind && strncmp(frame->file, "<frozen ", strlen("<frozen ")) != 0;
}

static size_t pick(const char *stack, enum stack_kind kind, struct stack_frame ret[STACK_SHOWN])
{
	size_t n = 0;

	for (const char *at = *stack ? stack : NULL; at && n < STACK_SHOWN;)
		if (stack_next(&at, &ret[n]) == 0 && is_known(&ret[n], kind))
			n++;
	return n;
}

size_t stack_pick(const char *stack, struct stack_frame ret[STACK_SHOWN])
{
	size_t n = pick(stack, STACK_PYTHON, ret);

	return n ? n : pick(stack, STACK_NATIVE, ret);
}

const char *stack_words(const struct stack_frame *frame, char ret[STACK_WORDS_MAX])
{
	const char *function = *frame->function ? frame->function : "?", *file = *frame->file ? frame->file : "?";

	switch (frame->kind) {
	case STACK_PYTHON:
		snprintf(ret, STACK_WORDS_MAX, "%s (%s:%" PRIu64 ")", function, file, frame->number);
		break;
	case STACK_NATIVE:
		snprintf(ret, STACK_WORDS_MAX, "%s+0x%" PRIx64 " (%s)", function, frame->number, file);
		break;
	case STACK_MORE:
		snprintf(ret, STACK_WORDS_MAX, "...");
		break;
	}
	return ret;
}

void stack_put_json(struct json_writer *w, const char *key, const char *stack)
{
	static const char *const kinds[] = {"python", "native", "more"};
	struct stack_frame frame;

	jsonw_open(w, key, '[');
	for (const char *at = *stack ? stack : NULL; at && stack_next(&at, &frame) == 0;) {
		jsonw_open(w, NULL, '{');
		jsonw_string(w, "kind", kinds[frame.kind]);
		if (frame.kind != STACK_MORE) {
			jsonw_string(w, "function", *frame.function ? frame.function : NULL);
			jsonw_string(w, "file", *frame.file ? frame.file : NULL);
			jsonw_int(w, frame.kind == STACK_PYTHON ? "line" : "offset", (int64_t)frame.number);
		}
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}
