/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/apps.h"

#include "package/record.h"
#include <gio/gio.h>
#include <string.h>

struct apps {
	GPtrArray *list;    /* of struct app *, owned */
	GHashTable *known; /* families, borrowed from the list */
};

static void app_free(gpointer data)
{
	struct app *app = data;

	g_free((char *)app->family);
	g_free((char *)app->name);
	g_free(app);
}

static void add(struct apps *apps, const char *family, const char *name, size_t name_length, bool installed)
{
	struct app *app;

	if (g_hash_table_contains(apps->known, family))
		return;
	app = g_new0(struct app, 1);
	app->family = g_strdup(family);
	app->name = g_strndup(name, name_length);
	app->installed = installed;
	g_ptr_array_add(apps->list, app);
	g_hash_table_add(apps->known, (gpointer)app->family);
}

static int add_package(void *data, const struct installed_package *package)
{
	struct record record = {0};
	struct appsilo_error err = {0};
	const char *name = package->identity.name;
	cleanup_close int fd = installed_open(package, &err);

	if (fd >= 0 && record_read(fd, package->path, &record, &err) == 0 && record_get(&record, "display-name"))
		name = record_get(&record, "display-name");
	add(data, package->identity.family, name, strlen(name), true);
	record_done(&record);
	return 0;
}

/* An app without a package is called by the first part of its family name. */
static void add_ad_hoc(struct apps *apps, const char *family)
{
	const char *mark = strrchr(family, '_');

	if (mark && strcmp(family, CONSENT_ALL_FAMILIES) != 0)
		add(apps, family, family, (size_t)(mark - family), false);
}

static void add_profiles(struct apps *apps, const char *data_dir)
{
	char *path = g_build_filename(data_dir, "profiles", NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		add_ad_hoc(apps, name);
	if (dir)
		g_dir_close(dir);
	g_free(path);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct app *x = *(struct app *const *)a, *y = *(struct app *const *)b;
	int order = g_ascii_strcasecmp(x->name, y->name);

	return order ? order : strcmp(x->family, y->family);
}

struct apps *apps_find(const struct package_places *places, const struct snapshot *snapshot)
{
	struct apps *apps = g_new0(struct apps, 1);
	const char *last = NULL;

	apps->list = g_ptr_array_new_with_free_func(app_free);
	apps->known = g_hash_table_new(g_str_hash, g_str_equal);
	(void)!installed_each(places->user.data_dir, false, add_package, apps);
	(void)!installed_each(INSTALLED_MACHINE_DIR, true, add_package, apps);
	for (size_t i = 0; i < snapshot_size(snapshot); i++) {
		const char *family = snapshot_row(snapshot, i)->family;

		if (family != last) /* most rows have the one before's */
			add_ad_hoc(apps, family);
		last = family;
	}
	add_profiles(apps, places->user.data_dir);
	g_ptr_array_sort(apps->list, by_name);
	return apps;
}

void apps_free(struct apps *apps)
{
	g_hash_table_unref(apps->known);
	g_ptr_array_unref(apps->list);
	g_free(apps);
}

void apps_each(struct apps *apps, void (*visit)(void *data, const struct app *app), void *data)
{
	for (guint i = 0; i < apps->list->len; i++)
		visit(data, apps->list->pdata[i]);
}

char *apps_joined(const struct apps *apps)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < apps->list->len; i++) {
		const struct app *app = apps->list->pdata[i];

		g_string_append_printf(text, "%s\n%s\n%d\n", app->family, app->name, app->installed);
	}
	return g_string_free(text, FALSE);
}
