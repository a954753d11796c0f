/* SPDX-License-Identifier: Apache-2.0 */
/* One app: who it is, what it may do, and what was decided about it. */
#include "ui/settings.h"

#include "cli/uninstall.h"
#include "manifest/manifest.h"
#include "package/record.h"
#include "package/stamps.h"
#include "ui/folder_size.h"
#include "ui/shown.h"
#include <string.h>

/* More scrolls: the decisions are below. */
#define FACTS_HEIGHT_MAX 260

struct app_page {
	struct settings *settings;
	struct page rules;
	struct installed_package package;
	bool installed;
	GtkWidget *facts;
};

static void show_rules(void *data, struct snapshot *snapshot)
{
	struct app_page *p = data;

	p->rules.show(p->rules.data, snapshot);
}

static GtkWidget *add_fact(GtkWidget *list, const char *title, const char *value)
{
	GtkWidget *row = adw_action_row_new();
	char *shown = shown_text(value);

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	adw_action_row_set_subtitle(ADW_ACTION_ROW(row), shown);
	adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 0);
	gtk_list_box_append(GTK_LIST_BOX(list), row);
	g_free(shown);
	return row;
}

static void add_record_fact(GtkWidget *list, const struct record *record, const char *key, const char *title)
{
	if (record_get(record, key))
		add_fact(list, title, record_get(record, key));
}

static void add_capabilities(GtkWidget *list, const struct record *record)
{
	for (size_t i = 0; i < record->n; i++) {
		const char *name = record->lines[i].value;
		bool host = strcmp(record->lines[i].key, "host") == 0;

		if (host)
			add_fact(list, "May connect to", name);
		else if (strcmp(record->lines[i].key, "capability") == 0)
			add_fact(list, capability_meaning(name) ? capability_meaning(name) : "Unknown capability", name);
	}
}

static void add_package_facts(struct app_page *p, GtkWidget *list)
{
	const uint16_t *v = p->package.identity.version.part;
	struct record record = {0};
	struct appsilo_error err = {0};
	cleanup_close int fd = installed_open(&p->package, &err);
	char version[64];

	if (fd >= 0 && record_read(fd, p->package.path, &record, &err) == 0 &&
	    stamps_check(fd, p->package.path, &err) == 0)
		err.code = 0;
	snprintf(version, sizeof(version), "%u.%u.%u.%u%s", v[0], v[1], v[2], v[3],
		 p->package.machine ? ", for all users" : "");
	if (err.code)
		add_fact(list, "Damaged: it does not start", err.line);
	add_record_fact(list, &record, "signer", "Verified package, signed by");
	add_record_fact(list, &record, "publisher", "Publisher");
	add_record_fact(list, &record, "fingerprint", "Fingerprint of the certificate");
	add_fact(list, "Version", version);
	folder_size_show(add_fact(list, "Size of the package", ""), p->package.path);
	add_capabilities(list, &record);
	record_done(&record);
}

/* Taking a package and a profile of many files away takes long: in a thread, while the window stays. */
struct removing {
	struct settings *settings;
	struct installed_package package;
	struct appsilo_error err;
	gulong stay; /* handler */
};

static gboolean stay_open(struct removing *r)
{
	settings_say(r->settings, "Wait until it is uninstalled");
	return TRUE;
}

static void uninstall_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	struct removing *r = data;
	int count;

	(void)source;
	(void)cancellable;
	g_task_return_int(task, uninstall(desk_places(settings_desk(r->settings)), &r->package, false, &count, &r->err));
}

static void uninstalled(GObject *source, GAsyncResult *result, gpointer data)
{
	struct removing *r = g_task_get_task_data(G_TASK(result));

	(void)source;
	(void)data;
	g_signal_handler_disconnect(settings_window(r->settings), r->stay);
	settings_say(r->settings, g_task_propagate_int(G_TASK(result), NULL) < 0
					  ? r->err.line
					  : "Uninstalled, with its decisions and its profile");
	settings_refresh(r->settings);
}

static void carry_out_uninstall(void *data)
{
	struct app_page *p = data;
	struct removing *r = g_new0(struct removing, 1);
	GTask *task = g_task_new(NULL, NULL, uninstalled, NULL);

	r->settings = p->settings;
	r->package = p->package;
	r->stay = g_signal_connect_swapped(settings_window(p->settings), "close-request", G_CALLBACK(stay_open), r);
	gtk_widget_set_sensitive(p->facts, FALSE); /* not twice */
	g_task_set_task_data(task, r, g_free);
	g_task_run_in_thread(task, uninstall_thread);
	g_object_unref(task);
}

static void on_uninstall(struct app_page *p)
{
	settings_confirm(p->settings, "Uninstall This App?",
			 "Its decisions and its own directory, with all files in it, are removed as well.",
			 "Uninstall", carry_out_uninstall, p, NULL);
}

static void add_uninstall(struct app_page *p, GtkWidget *list)
{
	GtkWidget *row = adw_action_row_new(), *button = gtk_button_new_with_label("Uninstall…");

	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), "Remove this app");
	gtk_widget_add_css_class(button, "destructive-action");
	gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
	g_signal_connect_swapped(button, "clicked", G_CALLBACK(on_uninstall), p);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
	gtk_list_box_append(GTK_LIST_BOX(list), row);
}

static GtkWidget *make_facts(struct app_page *p, const char *family)
{
	GtkWidget *list = gtk_list_box_new(), *scroller = gtk_scrolled_window_new();
	char *profile = g_build_filename(desk_places(settings_desk(p->settings))->user.data_dir, "profiles", family, NULL);

	gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
	gtk_widget_add_css_class(list, "boxed-list");
	add_fact(list, "Family name", family);
	if (p->installed)
		add_package_facts(p, list);
	else
		add_fact(list, "Not a package", "Signed by nobody; it is known by its path and its content");
	folder_size_show(add_fact(list, "Size of its own directory", ""), profile);
	if (p->installed && !p->package.machine)
		add_uninstall(p, list);
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), list);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_propagate_natural_height(GTK_SCROLLED_WINDOW(scroller), TRUE);
	gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(scroller), FACTS_HEIGHT_MAX);
	g_free(profile);
	return scroller;
}

void app_page_init(struct page *ret, struct settings *settings, const char *family)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 18);
	struct app_page *p = g_new0(struct app_page, 1);

	p->settings = settings;
	p->installed = installed_find(desk_places(settings_desk(settings))->user.data_dir, family, &p->package) == 0;
	p->facts = make_facts(p, family);
	gtk_box_append(GTK_BOX(box), p->facts);
	rules_page_init(&p->rules, settings, RULES_ALL, family);
	gtk_box_append(GTK_BOX(box), p->rules.widget);
	g_object_set_data_full(G_OBJECT(box), "page", p, g_free);
	*ret = (struct page){box, show_rules, p};
}
