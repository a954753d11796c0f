/* SPDX-License-Identifier: Apache-2.0 */
/* AppxManifest.xml of an unknown package; what is read is written and read again. */
#include "fuzz.h"

#include "manifest/manifest.h"
#include <string.h>

static void check_list(const struct manifest_list *list)
{
	ALWAYS(list->n <= MANIFEST_LIST_MAX);
	for (size_t i = 0; i < list->n; i++)
		ALWAYS(list->texts[i] && strlen(list->texts[i]) <= MANIFEST_TEXT_MAX);
}

static void check_application(const struct manifest_application *app)
{
	ALWAYS(app->id && app->executable && app->executable[0] != '/');
	ALWAYS(strncmp(app->executable, "../", 3) != 0 && !strstr(app->executable, "/../"));
	check_list(&app->aliases);
	for (size_t i = 0; i < app->aliases.n; i++)
		ALWAYS(!strchr(app->aliases.texts[i], '/') && app->aliases.texts[i][0] != '.');
	check_list(&app->file_types);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const struct manifest_list *a, const struct manifest_list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->texts[i], b->texts[i]) == 0;
	return same;
}

/* The foundation's are written before the restricted ones. */
static bool same_capabilities(const struct manifest *a, const struct manifest *b)
{
	bool same = a->capabilities.n == b->capabilities.n;

	for (size_t i = 0; same && i < a->capabilities.n; i++)
		same = manifest_has_capability(b, a->capabilities.texts[i]);
	return same;
}

static bool same_application(const struct manifest_application *a, const struct manifest_application *b)
{
	return same_text(a->id, b->id) && same_text(a->executable, b->executable) &&
	       same_text(a->display_name, b->display_name) && same_list(&a->aliases, &b->aliases) &&
	       same_list(&a->file_types, &b->file_types);
}

static bool same(const struct manifest *a, const struct manifest *b)
{
	bool same = same_text(a->identity.full_name, b->identity.full_name) &&
		    same_text(a->identity.publisher, b->identity.publisher) &&
		    same_text(a->display_name, b->display_name) && same_text(a->logo, b->logo) &&
		    same_text(a->publisher_display_name, b->publisher_display_name) &&
		    same_capabilities(a, b) && same_list(&a->hosts, &b->hosts) &&
		    same_list(&a->environment, &b->environment) && same_list(&a->limits, &b->limits) &&
		    same_list(&a->system_paths, &b->system_paths) &&
		    a->n_applications == b->n_applications;

	for (size_t i = 0; same && i < a->n_applications; i++)
		same = same_application(&a->applications[i], &b->applications[i]);
	return same;
}

static void check_again(const struct manifest *m)
{
	struct appsilo_error err = {0};
	struct manifest back;
	char *text, *again;
	size_t size, size_again;

	ALWAYS(manifest_write(m, &text, &size, &err) == 0);
	ALWAYS(manifest_parse(text, size, "again", &back, &err) == 0);
	ALWAYS(same(m, &back));
	ALWAYS(manifest_write(&back, &again, &size_again, &err) == 0);
	ALWAYS(size == size_again && memcmp(text, again, size) == 0);
	manifest_done(&back);
	free(text);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct appsilo_error err = {0};
	struct manifest m;

	if (manifest_parse((const char *)data, size, "fuzz", &m, &err) < 0) {
		ALWAYS(err.line[0] && !strchr(err.line, '\n') && !strchr(err.line, '\033'));
		return 0;
	}
	ALWAYS(package_family_is_valid(m.identity.family));
	ALWAYS(m.n_applications >= 1 && m.n_applications <= MANIFEST_APPLICATIONS_MAX);
	for (size_t i = 0; i < m.n_applications; i++)
		check_application(&m.applications[i]);
	for (size_t i = 0; i < m.capabilities.n; i++)
		ALWAYS(capability_meaning(m.capabilities.texts[i]));
	for (size_t i = 0; i < m.system_paths.n; i++)
		ALWAYS(m.system_paths.texts[i][0] == '/');
	check_list(&m.environment);
	check_list(&m.hosts);
	check_again(&m);
	manifest_done(&m);
	return 0;
}
