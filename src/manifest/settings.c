/* SPDX-License-Identifier: Apache-2.0 */
/* The Linux-only settings: what is not known here is an error, for it may be a restriction. */
#include "manifest/read.h"

#include "base/path.h"
#include <string.h>

static int add_pair(const xmlNode *node, const char *name, const char *value,
		    struct manifest_list *list, struct appsilo_error *err)
{
	char *pair;

	if (strchr(name, '='))
		return xml_say(node, err, "Name \"%s\" holds \"=\"", name);
	if (asprintf(&pair, "%s=%s", name, value) < 0)
		return error_set(err, -ENOMEM, "manifest");
	return read_list_add(list, pair, node, err);
}

static int read_pair(const xmlNode *node, struct manifest_list *list, struct appsilo_error *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *value = NULL;
	int r = xml_need_attribute(node, "Name", 256, &name, err);

	if (r == 0)
		r = xml_need_attribute(node, "Value", MANIFEST_TEXT_MAX, &value, err);
	return r < 0 ? r : add_pair(node, name, value, list, err);
}

static int read_limit(const xmlNode *node, struct manifest_list *list, struct appsilo_error *err)
{
	static const char *const known[] = {"memory", "cpus",	   "pids", "time",
					    "wall-time", "file-size", "disk", "output"};
	cleanup_free char *name = NULL;
	int r = xml_need_attribute(node, "Name", 64, &name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(name, known[i]) == 0)
			return read_pair(node, list, err);
	return xml_say(node, err, "unknown limit \"%s\"", name);
}

static int read_system_path(const xmlNode *node, struct manifest_list *list,
			    struct appsilo_error *err)
{
	cleanup_free char *path = NULL;
	char clean[MANIFEST_TEXT_MAX + 1];
	int r = xml_need_attribute(node, "Path", MANIFEST_TEXT_MAX, &path, err);

	if (r < 0)
		return r;
	if (*path != '/' || path_clean(NULL, path, clean, sizeof(clean)) < 0 ||
	    strcmp(clean, path) != 0)
		return xml_say(node, err, "Path \"%s\" must be absolute and clean", path);
	/* A signed package may bring system software into view, not a user's files. */
	if (strncmp(path, "/opt/", 5) != 0 && strncmp(path, "/var/lib/", 9) != 0)
		return xml_say(node, err, "Path \"%s\" must lie below /opt or /var/lib", path);
	return read_list_add(list, TAKE_PTR(path), node, err);
}

static int read_host(const xmlNode *node, struct manifest_list *list, struct appsilo_error *err)
{
	char *host = NULL;
	int r = xml_need_attribute(node, "Host", 300, &host, err);

	if (r < 0) {
		free(host);
		return r;
	}
	return read_list_add(list, host, node, err);
}

int read_settings(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	xml_each(child, node)
	{
		int r;

		if (xml_is(child, MANIFEST_NAMESPACE, "Environment"))
			r = read_pair(child, &m->environment, err);
		else if (xml_is(child, MANIFEST_NAMESPACE, "Limit"))
			r = read_limit(child, &m->limits, err);
		else if (xml_is(child, MANIFEST_NAMESPACE, "SystemPath"))
			r = read_system_path(child, &m->system_paths, err);
		else if (xml_is(child, MANIFEST_NAMESPACE, "AllowHost"))
			r = read_host(child, &m->hosts, err);
		else
			r = xml_say(child, err, "unknown setting");
		if (r < 0)
			return r;
	}
	return 0;
}
