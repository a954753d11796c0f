/* SPDX-License-Identifier: Apache-2.0 */
/* The words of `run`, separated by NUL; the first byte says whether `python` reads them. */
#include "fuzz.h"

#include "cli/run_options.h"
#include <string.h>

#define WORDS_MAX 600

static void check_line(const char *line)
{
	ALWAYS(strncmp(line, "run: ", 5) == 0);
	for (; *line; line++)
		ALWAYS((unsigned char)*line >= 0x20 && *line != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run_options o;
	struct appsilo_error err = {0};
	char *words[WORDS_MAX + 1], *text;
	size_t n = 0;

	if (size == 0)
		return 0;
	text = calloc(1, size);
	ALWAYS(text);
	memcpy(text, data + 1, size - 1);
	for (char *at = text; n < WORDS_MAX && at < text + size - 1; at += strlen(at) + 1)
		words[n++] = at;
	words[n] = NULL;
	if (run_options_parse(words, data[0] & 1, &o, &err) < 0) {
		check_line(err.line);
	} else {
		ALWAYS(o.n_rules <= RUN_LIST_MAX && o.n_env <= RUN_LIST_MAX);
		ALWAYS(o.command >= words && o.command <= words + n);
		for (size_t i = 0; i < o.n_rules; i++)
			ALWAYS(o.rules[i].path[0]);
		/* What was not said is not given. */
		if (n == 0 || words[0][0] != '-')
			ALWAYS(o.n_rules == 0 && !o.prompt && !o.net && o.command == words);
	}
	free(text);
	return 0;
}
