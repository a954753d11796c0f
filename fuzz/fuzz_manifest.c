/* SPDX-License-Identifier: Apache-2.0 */
/* AppxManifest.xml of an unknown package. */
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
	manifest_done(&m);
	return 0;
}
