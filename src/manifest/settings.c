/* SPDX-License-Identifier: Apache-2.0 */
/* The Linux-only settings: what is not known here is an error, for it may be a restriction. */
#include "manifest/read.h"

#include "base/path.h"
#include "network/host.h"
#include <string.h>
#include <strings.h>

/* Two of a name: which one holds would be a guess. */
static bool has_name(const struct manifest_list *list, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < list->n; i++)
		if (strncmp(list->texts[i], name, n) == 0 && list->texts[i][n] == '=')
			return true;
	return false;
}

static int add_pair(const xmlNode *node, const char *name, const char *value,
		    struct manifest_list *list, struct appsilo_error *err)
{
	char *pair;

	if (asprintf(&pair, "%s=%s", name, value) < 0)
		return error_set(err, -ENOMEM, "manifest");
	return read_list_add(list, pair, node, err);
}

/* The units of the `run` options of the same names. Overflow is the options' own matter. */
static const struct {
	const char *name;
	const char *units; /* separated by blanks; the empty unit is always one */
	bool fraction;
} known_limits[] = {
	{"memory", "K M G T", false},	 {"file-size", "K M G T", false},
	{"disk", "K M G T", false},	 {"output", "K M G T", false},
	{"time", "ms s m h", true},	 {"wall-time", "ms s m h", true},
	{"cpus", "", true},		 {"pids", "", false},
};

static bool is_unit(const char *units, const char *text)
{
	size_t n = strlen(text);

	if (n == 0)
		return true;
	/* Bytes may be spelt out: 1GiB, 1GB. */
	if (*units == 'K') {
		n -= n > 1 && text[n - 1] == 'B';
		n -= n > 1 && text[n - 1] == 'i';
	}
	while (*units) {
		size_t length = strcspn(units, " ");

		if (length == n && strncasecmp(units, text, n) == 0)
			return true;
		units += length + (units[length] == ' ');
	}
	return false;
}

static bool limit_is_valid(size_t i, const char *value)
{
	static const char digits[] = "0123456789";
	size_t n = strspn(value, digits);
	bool positive = strspn(value, "0") < n;

	if (n == 0 || n > 18)
		return false;
	if (known_limits[i].fraction && value[n] == '.') {
		size_t more = strspn(value + n + 1, digits);

		positive = positive || strspn(value + n + 1, "0") < more;
		if (more == 0)
			return false;
		n += 1 + more;
	}
	return positive && is_unit(known_limits[i].units, value + n);
}

static int read_limit(const xmlNode *node, struct manifest_list *list, struct appsilo_error *err)
{
	cleanup_free char *name = NULL;
	cleanup_free char *value = NULL;
	int r = xml_need_attribute(node, "Name", 64, &name, err);

	if (r == 0)
		r = xml_need_attribute(node, "Value", 64, &value, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(known_limits); i++) {
		if (strcmp(name, known_limits[i].name) != 0)
			continue;
		if (!limit_is_valid(i, value))
			return xml_say(node, err, "limit %s: \"%s\" is not a positive number with a "
						  "known unit", name, value);
		if (has_name(list, name))
			return xml_say(node, err, "limit %s is given twice", name);
		return add_pair(node, name, value, list, err);
	}
	return xml_say(node, err, "unknown limit \"%s\"", name);
}

static int read_variable(const xmlNode *node, struct manifest_list *list, struct appsilo_error *err)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	cleanup_free char *name = NULL;
	cleanup_free char *value = NULL;
	int r = xml_need_attribute(node, "Name", 256, &name, err);

	if (r == 0)
		r = xml_attribute(node, NULL, "Value", MANIFEST_TEXT_MAX, &value, err);
	if (r < 0)
		return r;
	if (!value)
		return xml_say(node, err, "attribute Value is missing");
	if (strspn(name, good) != strlen(name) || (*name >= '0' && *name <= '9'))
		return xml_say(node, err, "Name \"%s\" must be letters, digits and \"_\"", name);
	if (has_name(list, name))
		return xml_say(node, err, "variable %s is given twice", name);
	return add_pair(node, name, value, list, err);
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
	cleanup_free char *host = NULL;
	struct host_pattern pattern;
	struct appsilo_error why;
	int r = xml_need_attribute(node, "Host", 300, &host, err);

	if (r < 0)
		return r;
	if (host_pattern_parse_allow(host, strlen(host), &pattern, &why) < 0)
		return xml_say(node, err, "Host must be HOST[:PORT]: a name, \"*.\" and a name, or an "
					  "address with or without /BITS; %s", why.line);
	return read_list_add(list, TAKE_PTR(host), node, err);
}

int read_settings(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	xml_each(child, node)
	{
		int r;

		if (xml_is(child, MANIFEST_NAMESPACE, "Environment"))
			r = read_variable(child, &m->environment, err);
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
