/* SPDX-License-Identifier: Apache-2.0 */
/* A stack as appsilo-stacks could answer: what is taken is written back as it was, and shows. */
#include "fuzz.h"

#include "consent/stack_text.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stack_writer again;
	struct stack_frame frame;
	char *text = calloc(1, size + 1);

	ALWAYS(text);
	memcpy(text, data, size);
	again = (struct stack_writer){0};
	if (stack_is_valid(text)) {
		for (const char *at = *text ? text : NULL; at;) {
			ALWAYS(stack_next(&at, &frame) == 0);
			stack_add(&again, &frame);
		}
		ALWAYS(strcmp(text, again.text) == 0 || again.full);
		ALWAYS(stack_is_valid(again.text));
		ALWAYS(!strpbrk(again.text, "\n\r\x1b"));
	}
	free(text);
	return 0;
}
