/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/appsilo/appsilo.conf: never a range with the system's ids or the one that means none. */
#include "fuzz.h"

#include "cli/host_config.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);
	struct appsilo_error err = {0};
	unsigned int first, count;

	ALWAYS(text);
	memcpy(text, data, size);
	if (config_parse(text, &first, &count, &err) == 0) {
		ALWAYS(first >= 1000 && count >= 2);
		ALWAYS((uint64_t)first + count - 1 < UINT32_MAX);
		if (!strstr(text, "uid-range"))
			ALWAYS(first == CONFIG_UID_FIRST && count == CONFIG_UID_COUNT);
	} else {
		ALWAYS(strncmp(err.line, CONFIG_FILE, strlen(CONFIG_FILE)) == 0);
		for (const char *c = err.line; *c; c++)
			ALWAYS((unsigned char)*c >= 0x20);
	}
	free(text);
	return 0;
}
