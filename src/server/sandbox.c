/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sandbox.h"

#include <string.h>

static const char *const words[] = {
	[SANDBOX_FAILED] = "failed",
	[SANDBOX_EXITED] = "exited",
	[SANDBOX_SIGNALED] = "signaled",
	[SANDBOX_TIMEOUT] = "timeout",
	[SANDBOX_OOM] = "oom",
	[SANDBOX_OUTPUT_LIMIT] = "output-limit",
	[SANDBOX_PIDS] = "pids",
	[SANDBOX_DENIED] = "denied",
	[SANDBOX_CANCELLED] = "cancelled",
};

const char *sandbox_reason_word(enum sandbox_reason reason)
{
	return words[reason];
}

enum sandbox_reason sandbox_reason_parse(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum sandbox_reason)i;
	return SANDBOX_FAILED;
}
