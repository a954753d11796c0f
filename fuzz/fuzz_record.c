/* SPDX-License-Identifier: Apache-2.0 */
/* The launch record of an installed package: lines come back as they were written. */
#include "fuzz.h"

#include "package/record.h"
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char again[2 * RECORD_SIZE_MAX];
	static struct record record;

	if (size >= RECORD_SIZE_MAX)
		return 0;
	record.text = calloc(1, size + 1);
	ALWAYS(record.text);
	memcpy(record.text, data, size);
	again[0] = '\0';
	if (record_parse(&record, size) == 0) {
		ALWAYS(record.n <= RECORD_LINES_MAX);
		for (size_t i = 0; i < record.n; i++) {
			const struct record_line *line = &record.lines[i];

			ALWAYS(line->key[0] && !strpbrk(line->key, "\t\n"));
			ALWAYS(!strpbrk(line->value, "\t\n"));
			ALWAYS(record_find(&record, line->key, line->value));
			ALWAYS(record_get(&record, line->key));
			if (!strchr(line->more, '\t') &&
			    record_append(again, sizeof(again), line->key, line->value,
					  line->more[0] ? line->more : NULL) < 0)
				abort();
		}
	}
	record_done(&record);
	return 0;
}
