/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/needed.h"

#include "base/path.h"
#include "manifest/names.h"
#include <string.h>

/* Is there, directly in @folder and at or above @path, a name that ends with the ID? */
static bool is_publishers(const char *folder, const char *path, const char *id)
{
	size_t n = strlen(folder), length, tail = strlen(id);
	const char *name = path + n + 1;

	if (!path_is_under(path, folder) || path[n] != '/')
		return false;
	length = strcspn(name, "/");
	return length > tail && name[length - tail - 1] == '_' &&
	       strncmp(name + length - tail, id, tail) == 0;
}

const char *needed_for_file(const struct needed_places *places, const struct consent_request *r)
{
	bool list = strcmp(r->operation, "list") == 0;

	if (list && strcmp(r->path, places->home) == 0)
		return CAPABILITY_USER_PROFILE;
	if (list && strcmp(r->path, "/home") == 0)
		return CAPABILITY_PROFILES_ROOT;
	if (list && strcmp(r->path, "/") == 0)
		return CAPABILITY_VOLUME_ROOT;
	if (is_publishers("/srv", r->path, places->publisher_id) ||
	    is_publishers(places->data_home, r->path, places->publisher_id))
		return CAPABILITY_PUBLISHER_DIRECTORY;
	return NULL;
}

const char *needed_for_host(enum net_place place)
{
	switch (place) {
	case NET_PUBLIC:
		return CAPABILITY_CLIENT;
	case NET_PRIVATE:
		return CAPABILITY_PRIVATE;
	case NET_LOOPBACK:
	case NET_METADATA:
	case NET_UNUSABLE:
		break;
	}
	return NULL;
}
