/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/read.h"

#include <string.h>

/* A relative path that stays inside the package; "\\" of other systems becomes "/". */
static int tidy_path(const xmlNode *node, char *path, struct appsilo_error *err)
{
	for (char *p = path; (p = strchr(p, '\\')); p++)
		*p = '/';
	for (const char *p = path; p; p = strchr(p, '/') ? strchr(p, '/') + 1 : NULL) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && *p == '.') || (n == 2 && strncmp(p, "..", 2) == 0))
			return xml_say(node, err, "\"%s\" must be a path inside the package", path);
	}
	return strchr(path, ':') ? xml_say(node, err, "\"%s\" must be a relative path", path) : 0;
}

#define ALIAS_MAX 100 /* without ".exe" */

/* An alias is a command's name: typed at a shell, used as a file name. */
static int add_alias(const xmlNode *node, struct manifest_application *app,
		     struct appsilo_error *err)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "._+-";
	char *alias = NULL;
	int r = xml_need_attribute(node, "Alias", ALIAS_MAX + 4, &alias, err);
	size_t n = alias ? strlen(alias) : 0;

	/* Packages of other systems end their aliases with ".exe". */
	if (n > 4 && strcmp(alias + n - 4, ".exe") == 0)
		alias[n -= 4] = '\0';
	if (r == 0 && n > ALIAS_MAX)
		r = xml_say(node, err, "Alias is longer than %d bytes", ALIAS_MAX);
	if (r == 0 && (strspn(alias, good) != strlen(alias) || *alias == '-' || *alias == '.'))
		r = xml_say(node, err, "alias \"%s\" must be letters, digits and \"._+-\"", alias);
	if (r < 0) {
		free(alias);
		return r;
	}
	if (read_list_has(&app->aliases, alias)) {
		free(alias);
		return 0;
	}
	return read_list_add(&app->aliases, alias, node, err);
}

static int add_file_type(const xmlNode *node, struct manifest_application *app,
			 struct appsilo_error *err)
{
	char *type = NULL;
	int r = xml_content(node, 64, &type, err);

	if (r == 0 && (type[0] != '.' || !type[1] || strpbrk(type, "/\\:*?\"<>| ")))
		r = xml_say(node, err, "file type \"%s\" must be \".\" and a name", type);
	if (r < 0) {
		free(type);
		return r;
	}
	return read_list_add(&app->file_types, type, node, err);
}

/* Aliases and file types stand at several depths under several versions of the namespace. */
static int read_extension(const xmlNode *node, struct manifest_application *app, int depth,
			  struct appsilo_error *err)
{
	int r = 0;

	xml_each(child, node)
	{
		if (xml_is(child, NULL, "ExecutionAlias"))
			r = add_alias(child, app, err);
		else if (xml_is(child, NULL, "FileType"))
			r = add_file_type(child, app, err);
		else if (depth < 6)
			r = read_extension(child, app, depth + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Several versions of the namespace carry these attributes (uap10, uap18, previewsecurity2):
 * none of them may ask for something else. */
static int expect(const xmlNode *node, const char *name, const char *wanted,
		  struct appsilo_error *err)
{
	for (const xmlAttr *a = node->properties; a; a = a->next) {
		cleanup_free char *value = NULL;
		int r;

		if (strcmp((const char *)a->name, name) != 0)
			continue;
		r = xml_attribute(node, a->ns ? (const char *)a->ns->href : NULL, name, 64, &value,
				  err);
		if (r < 0)
			return r;
		if (value && strcmp(value, wanted) != 0)
			return xml_say(node, err,
				       "%s \"%s\" is not supported; only \"%s\" applications run "
				       "here", name, value, wanted);
	}
	return 0;
}

static int read_names(const xmlNode *node, struct manifest_application *app,
		      struct appsilo_error *err)
{
	int r = xml_need_attribute(node, "Id", 64, &app->id, err);

	if (r == 0)
		r = xml_need_attribute(node, "Executable", MANIFEST_TEXT_MAX, &app->executable, err);
	if (r == 0)
		r = tidy_path(node, app->executable, err);
	if (r == 0 && strspn(app->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789.") != strlen(app->id))
		r = xml_say(node, err, "Id \"%s\" must be letters, digits and \".\"", app->id);
	if (r == 0)
		r = expect(node, "TrustLevel", "appContainer", err);
	if (r == 0)
		r = expect(node, "RuntimeBehavior", "appSilo", err);
	return r;
}

static int read_application(const xmlNode *node, struct manifest_application *app,
			    struct appsilo_error *err)
{
	int r = read_names(node, app, err);

	xml_each(child, node)
	{
		if (r == 0 && xml_is(child, NULL, "Extensions"))
			r = read_extension(child, app, 0, err);
		if (r == 0 && xml_is(child, NULL, "VisualElements") && !app->display_name)
			r = xml_attribute(child, NULL, "DisplayName", MANIFEST_TEXT_MAX,
					  &app->display_name, err);
	}
	return r;
}

/* Two applications of one id or alias: which one starts would be a guess. */
static int check_unique(const xmlNode *node, const struct manifest *m,
			const struct manifest_application *app, struct appsilo_error *err)
{
	for (const struct manifest_application *other = m->applications; other < app; other++) {
		if (strcmp(other->id, app->id) == 0)
			return xml_say(node, err, "Id \"%s\" is given twice", app->id);
		for (size_t i = 0; i < app->aliases.n; i++)
			if (read_list_has(&other->aliases, app->aliases.texts[i]))
				return xml_say(node, err, "alias \"%s\" is given twice",
					       app->aliases.texts[i]);
	}
	return 0;
}

int read_applications(const xmlNode *node, struct manifest *m, struct appsilo_error *err)
{
	xml_each(child, node)
	{
		struct manifest_application *bigger, *app;
		int r;

		if (!xml_is(child, NS_FOUNDATION, "Application"))
			continue;
		if (m->n_applications == MANIFEST_APPLICATIONS_MAX)
			return xml_say(child, err, "more than %d applications",
				       MANIFEST_APPLICATIONS_MAX);
		bigger = reallocarray(m->applications, m->n_applications + 1, sizeof(*bigger));
		if (!bigger)
			return error_set(err, -ENOMEM, "manifest");
		m->applications = bigger;
		app = &bigger[m->n_applications++];
		*app = (struct manifest_application){0};
		r = read_application(child, app, err);
		if (r == 0)
			r = check_unique(child, m, app, err);
		if (r < 0)
			return r;
	}
	return m->n_applications ? 0 : xml_say(node, err, "no Application");
}
