/* SPDX-License-Identifier: Apache-2.0 */
/* The names of data/capabilities.tsv. */
#include "manifest/manifest.h"

#include "capabilities_table.h"
#include <string.h>

const char *capability_meaning(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(capability_rows); i++)
		if (strcmp(name, capability_rows[i].name) == 0)
			return capability_rows[i].opens;
	return NULL;
}

bool capability_is_restricted(const char *name)
{
	return strncmp(name, "isolatedWin32-", strlen("isolatedWin32-")) == 0;
}
