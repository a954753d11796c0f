/* SPDX-License-Identifier: Apache-2.0 */
/* A line of AccessAttemptRecords.csv: what is taken is written back as it was. */
#include "fuzz.h"

#include "consent/attempt.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = calloc(1, size + 1), *texts = malloc(size + ATTEMPT_TEXTS_EXTRA);
	static char again[ATTEMPT_LINE_MAX];
	struct appsilo_error err;
	struct attempt a, b;
	char *back;

	ALWAYS(line && texts);
	memcpy(line, data, size);
	if (!strchr(line, '\n') && attempt_read(line, texts, &a, &err) == 0 &&
	    attempt_write(&a, again, sizeof(again)) > 0) {
		back = malloc(sizeof(again) + ATTEMPT_TEXTS_EXTRA);
		ALWAYS(back);
		again[strlen(again) - 1] = '\0';
		ALWAYS(!strchr(again, '\n'));
		ALWAYS(attempt_read(again, back, &b, &err) == 0);
		ALWAYS(strcmp(a.path, b.path) == 0 && strcmp(a.host, b.host) == 0 &&
		       strcmp(a.allow, b.allow) == 0 && a.port == b.port && a.pid == b.pid);
		free(back);
	}
	free(line);
	free(texts);
	return 0;
}
