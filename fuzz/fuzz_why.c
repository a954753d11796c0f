/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a run record, as why and log show it: without control characters, and as JSON that is JSON. */
#include "fuzz.h"

#include "cli/log_line.h"
#include "cli/why_line.h"
#include <string.h>

static void log_line(const char *line, size_t size, bool json)
{
	const struct log_filter any = {0}, some = {.path = "/d", .since_ms = 1};
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	ALWAYS(out);
	ALWAYS(log_line_show(line, size, &any, json, out));
	(void)log_line_show(line, size, &some, false, out);
	fclose(out);
	for (size_t i = 0; i < n; i++)
		ALWAYS((unsigned char)text[i] >= 0x20 ? text[i] != 0x7f : text[i] == '\n');
	free(text);
}

static void show(const char *line, size_t size, bool json)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	ALWAYS(out);
	(void)why_line_show(line, size, json, out);
	fclose(out);
	ALWAYS(n > 0);
	for (size_t i = 0; i < n; i++)
		ALWAYS((unsigned char)text[i] >= 0x20 ? text[i] != 0x7f
						      : text[i] == '\n' && !json);
	if (json)
		ALWAYS(text[0] == '{' && text[n - 1] == '}');
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = calloc(1, size + 1);

	ALWAYS(line);
	memcpy(line, data, size);
	show(line, size, false);
	show(line, size, true);
	log_line(line, size, false);
	log_line(line, size, true);
	free(line);
	return 0;
}
