/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifest.h"

#include "base/text.h"
#include "manifest/read.h"
#include <string.h>

static void list_done(struct manifest_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->texts[i]);
	free(list->texts);
	*list = (struct manifest_list){0};
}

int read_list_add(struct manifest_list *list, char *text, const xmlNode *node,
		  struct appsilo_error *err)
{
	cleanup_free char *owned = text;
	char **bigger;

	if (list->n == MANIFEST_LIST_MAX)
		return xml_say(node, err, "more than %d of them", MANIFEST_LIST_MAX);
	bigger = reallocarray(list->texts, list->n + 1, sizeof(*bigger));
	if (!bigger)
		return error_set(err, -ENOMEM, "manifest");
	list->texts = bigger;
	list->texts[list->n++] = TAKE_PTR(owned);
	return 0;
}

int manifest_list_add(struct manifest_list *list, const char *text)
{
	char **bigger;

	if (list->n == MANIFEST_LIST_MAX)
		return -E2BIG;
	bigger = reallocarray(list->texts, list->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	list->texts = bigger;
	list->texts[list->n] = strdup(text);
	return list->texts[list->n] ? (list->n++, 0) : -ENOMEM;
}

bool read_list_has(const struct manifest_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->texts[i], text) == 0)
			return true;
	return false;
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->n_applications; i++) {
		struct manifest_application *app = &m->applications[i];

		free(app->id);
		free(app->executable);
		free(app->display_name);
		list_done(&app->aliases);
		list_done(&app->file_types);
	}
	free(m->applications);
	free(m->display_name);
	free(m->publisher_display_name);
	free(m->logo);
	list_done(&m->capabilities);
	list_done(&m->hosts);
	list_done(&m->environment);
	list_done(&m->limits);
	list_done(&m->system_paths);
	*m = (struct manifest){0};
}

bool manifest_has_capability(const struct manifest *m, const char *name)
{
	return read_list_has(&m->capabilities, name);
}

/* Copy attribute @name into a fixed field. */
static int fixed(const xmlNode *node, const char *name, const char *absent, char *ret, size_t size,
		 struct appsilo_error *err)
{
	cleanup_free char *value = NULL;
	int r = absent ? xml_attribute(node, NULL, name, size - 1, &value, err)
		       : xml_need_attribute(node, name, size - 1, &value, err);

	if (r == 0)
		snprintf(ret, size, "%s", value ? value : absent);
	return r;
}

static int read_identity(const xmlNode *node, struct package_identity *id,
			 struct appsilo_error *err)
{
	char version[24];
	int r = fixed(node, "Name", NULL, id->name, sizeof(id->name), err);

	if (r == 0)
		r = fixed(node, "Publisher", NULL, id->publisher, sizeof(id->publisher), err);
	if (r == 0)
		r = fixed(node, "Version", NULL, version, sizeof(version), err);
	if (r == 0)
		r = fixed(node, "ProcessorArchitecture", "neutral", id->architecture,
			  sizeof(id->architecture), err);
	if (r == 0)
		r = fixed(node, "ResourceId", "", id->resource_id, sizeof(id->resource_id), err);
	if (r < 0)
		return r;
	if (!package_name_is_valid(id->name))
		return xml_say(node, err,
			       "Name \"%s\" must be 3 to 50 letters, digits, \".\" and \"-\"",
			       id->name);
	if (package_version_parse(version, &id->version) < 0)
		return xml_say(node, err, "Version \"%s\" must be four numbers up to 65535", version);
	if (!package_architecture_is_valid(id->architecture))
		return xml_say(node, err, "ProcessorArchitecture \"%s\" is unknown",
			       id->architecture);
	if (!package_resource_is_valid(id->resource_id))
		return xml_say(node, err, "ResourceId \"%s\" is not valid", id->resource_id);
	return package_identity_complete(id) < 0 ? xml_say(node, err, "Publisher is not valid UTF-8")
						 : 0;
}

static int read_property(const xmlNode *node, const char *name, char **field,
			 struct appsilo_error *err)
{
	if (!xml_is(node, NS_FOUNDATION, name))
		return 0;
	if (*field)
		return xml_say(node, err, "given twice");
	return xml_content(node, MANIFEST_TEXT_MAX, field, err);
}

static int read_properties(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	int r = 0;

	xml_each(child, node)
	{
		r = read_property(child, "DisplayName", &m->display_name, err);
		if (r == 0)
			r = read_property(child, "PublisherDisplayName", &m->publisher_display_name,
					  err);
		if (r == 0)
			r = read_property(child, "Logo", &m->logo, err);
		if (r == 0 && (xml_is(child, NS_FOUNDATION, "Framework") ||
			       xml_is(child, NS_FOUNDATION, "ResourcePackage")))
			r = xml_say(child, err, "only packages of applications are supported");
		if (r < 0)
			return r;
	}
	return m->display_name ? 0 : xml_say(node, err, "DisplayName is missing");
}

static int read_dependencies(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	(void)m;
	xml_each(child, node)
	{
		/* PackageDependency, MainPackageDependency, HostRuntimeDependency and others: what
		 * they name cannot be brought here. */
		if (!xml_is(child, NS_FOUNDATION, "TargetDeviceFamily"))
			return xml_say(child, err,
				       "dependencies on other packages are not supported; pack what "
				       "the application needs");
	}
	return 0;
}

/* Languages and scales say nothing to appsilo, but they are not to carry anything else. */
static int read_resources(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	(void)m;
	xml_each(child, node)
	{
		cleanup_free char *language = NULL;
		int r;

		if (!xml_is(child, NS_FOUNDATION, "Resource"))
			return xml_say(child, err, "only Resource is expected here");
		r = xml_attribute(child, NULL, "Language", 85, &language, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A name means something in one namespace only: an isolated app's capabilities are restricted
 * ones, the network's are the foundation's. */
static int check_capability(const xmlNode *node, const char *name, struct appsilo_error *err)
{
	bool restricted = capability_is_restricted(name);

	if (xml_is(node, NULL, "DeviceCapability"))
		return xml_say(node, err,
			       "device capability \"%s\": devices are never opened to an "
			       "application here; remove it", name);
	if (!xml_is(node, NULL, "Capability") || !capability_meaning(name))
		return xml_say(node, err,
			       "unknown capability \"%s\"; appsilo capabilities lists the "
			       "known ones", name);
	if (!xml_is(node, restricted ? NS_RESTRICTED : NS_FOUNDATION, "Capability"))
		return xml_say(node, err, "capability \"%s\" belongs into the namespace %s", name,
			       restricted ? NS_RESTRICTED : NS_FOUNDATION);
	return 0;
}

static int read_capabilities(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	xml_each(child, node)
	{
		cleanup_free char *name = NULL;
		int r = xml_need_attribute(child, "Name", 128, &name, err);

		if (r < 0)
			return r;
		r = check_capability(child, name, err);
		if (r < 0)
			return r;
		if (read_list_has(&m->capabilities, name))
			return xml_say(child, err, "capability \"%s\" is given twice", name);
		r = read_list_add(&m->capabilities, TAKE_PTR(name), child, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The parts of a package, in the order in which the table is searched. */
static int read_identity_part(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	return read_identity(node, &m->identity, err);
}

static const struct part {
	const char *ns, *name;
	bool needed;
	int (*read)(const xmlNode *node, struct manifest *m, struct appsilo_error *err);
} parts[] = {
	{NS_FOUNDATION, "Identity", true, read_identity_part},
	{NS_FOUNDATION, "Properties", true, read_properties},
	{NS_FOUNDATION, "Resources", false, read_resources},
	{NS_FOUNDATION, "Dependencies", false, read_dependencies},
	{NS_FOUNDATION, "Capabilities", false, read_capabilities},
	{NS_FOUNDATION, "Applications", true, read_applications},
	{MANIFEST_NAMESPACE, "Settings", false, read_settings},
};

#define IGNORABLE_MAX 64
#define SPACE " \t\r\n"

/* Namespaces whose elements may be passed over unread, contents and all. */
struct ignorable {
	const char *hrefs[IGNORABLE_MAX]; /* the document's */
	size_t n;
};

static int read_ignorable(const xmlNode *root, struct ignorable *ret, struct appsilo_error *err)
{
	cleanup_free char *list = NULL;
	char *rest, *prefix;
	int r = xml_attribute(root, NULL, "IgnorableNamespaces", MANIFEST_TEXT_MAX, &list, err);

	for (prefix = list ? strtok_r(list, SPACE, &rest) : NULL; r == 0 && prefix; prefix = strtok_r(NULL, SPACE, &rest)) {
		const xmlNs *ns = xmlSearchNs(root->doc, (xmlNode *)root, (const xmlChar *)prefix);

		if (!ns)
			r = xml_say(root, err, "IgnorableNamespaces: there is no namespace %s", prefix);
		else if (ret->n == IGNORABLE_MAX)
			r = xml_say(root, err, "IgnorableNamespaces: more than %d of them", IGNORABLE_MAX);
		else
			ret->hrefs[ret->n++] = (const char *)ns->href;
	}
	return r;
}

static bool is_known(const xmlNode *node)
{
	static const char manifests[] = "http://schemas.microsoft.com/appx/manifest/";
	const char *ns = node->ns ? (const char *)node->ns->href : "";

	return strncmp(ns, manifests, strlen(manifests)) == 0 || strcmp(ns, MANIFEST_NAMESPACE) == 0;
}

static bool is_ignorable(const struct ignorable *ignorable, const xmlNode *node)
{
	for (size_t i = 0; node->ns && i < ignorable->n; i++)
		if (strcmp(ignorable->hrefs[i], (const char *)node->ns->href) == 0)
			return true;
	return false;
}

/* What is not known may be a restriction: only what its author says may be ignored is. The parser bounds the depth. */
static int check_known(const xmlNode *parent, const struct ignorable *ignorable, struct appsilo_error *err)
{
	int r = 0;

	xml_each(node, parent)
	{
		char shown[256];

		if (is_known(node))
			r = check_known(node, ignorable, err);
		else if (!is_ignorable(ignorable, node))
			r = xml_say(node, err, "its namespace \"%s\" is not known, and IgnorableNamespaces does not name it",
				    text_show(node->ns ? (const char *)node->ns->href : "", shown, sizeof(shown)));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_package(const xmlNode *root, struct manifest *m, struct appsilo_error *err)
{
	bool seen[ARRAY_SIZE(parts)] = {false};
	struct ignorable ignorable = {0};
	int r;

	if (!xml_is(root, NS_FOUNDATION, "Package"))
		return xml_say(root, err, "the root must be Package of %s", NS_FOUNDATION);
	r = read_ignorable(root, &ignorable, err);
	if (r == 0)
		r = check_known(root, &ignorable, err);
	if (r < 0)
		return r;
	xml_each(child, root)
	{
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
			if (!xml_is(child, parts[i].ns, parts[i].name))
				continue;
			/* A second block could say something that nobody shows (CVE-2021-43860). */
			if (seen[i])
				r = xml_say(child, err, "given twice");
			if (r == 0)
				r = parts[i].read(child, m, err);
			if (r < 0)
				return r;
			seen[i] = true;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i].needed && !seen[i])
			return xml_say(root, err, "element %s is missing", parts[i].name);
	return 0;
}

/* The library compares the attributes of an element each with each: 100,000 on one element
 * would keep it busy for minutes. Each has a "=". */
static int check_attributes(const char *text, size_t size, const char *label,
			    struct appsilo_error *err)
{
	size_t n = 0;

	for (const char *p = text, *end = text + size;
	     (p = memchr(p, '=', (size_t)(end - p))) && n <= MANIFEST_ATTRIBUTES_MAX; p++)
		n++;
	return n <= MANIFEST_ATTRIBUTES_MAX ? 0
				       : error_say(err, -EINVAL, "%s: more than %d attributes", label,
						   MANIFEST_ATTRIBUTES_MAX);
}

int manifest_parse(const char *text, size_t size, const char *label, struct manifest *ret,
		   struct appsilo_error *err)
{
	cleanup(xml_freep) xmlDoc *doc = NULL;
	int r;

	*ret = (struct manifest){0};
	if (size > MANIFEST_SIZE_MAX)
		return error_say(err, -EFBIG, "%s: larger than %d bytes", label, MANIFEST_SIZE_MAX);
	r = check_attributes(text, size, label, err);
	if (r == 0)
		r = xml_load(text, size, label, &doc, err);
	if (r == 0)
		r = read_package(xmlDocGetRootElement(doc), ret, err);
	if (r < 0)
		manifest_done(ret);
	return r;
}
