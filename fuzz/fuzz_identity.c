/* SPDX-License-Identifier: Apache-2.0 */
/* Full names, families, versions and publishers. */
#include "fuzz.h"

#include "manifest/identity.h"
#include <string.h>

static void check_full_name(const char *text)
{
	struct package_identity id;
	char back[512];

	if (package_full_name_parse(text, &id) < 0)
		return;
	snprintf(back, sizeof(back), "%s_%u.%u.%u.%u_%s_%s_%s", id.name, id.version.part[0],
		 id.version.part[1], id.version.part[2], id.version.part[3], id.architecture,
		 id.resource_id, id.publisher_id);
	ALWAYS(strcmp(back, text) == 0);
	ALWAYS(package_family_is_valid(id.family) && strncmp(id.family, id.name, strlen(id.name)) == 0);
	ALWAYS(!strchr(text, '/') && package_name_is_valid(id.name));
}

static void check_version(const char *text)
{
	struct package_version v;
	char back[64];

	if (package_version_parse(text, &v) < 0)
		return;
	snprintf(back, sizeof(back), "%u.%u.%u.%u", v.part[0], v.part[1], v.part[2], v.part[3]);
	ALWAYS(strcmp(back, text) == 0);
	ALWAYS(package_version_compare(&v, &v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1), id[PUBLISHER_ID_SIZE];

	ALWAYS(text);
	memcpy(text, data, size);
	check_full_name(text);
	check_version(text);
	if (package_family_is_valid(text))
		ALWAYS(strlen(text) < PACKAGE_FAMILY_SIZE && !strchr(text, '/') && text[0] != '.');
	if (publisher_id(text, id) == 0)
		ALWAYS(strlen(id) == 13 && strspn(id, "0123456789abcdefghjkmnpqrstvwxyz") == 13);
	free(text);
	return 0;
}
