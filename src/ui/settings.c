/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/settings.h"

#include "ui/apps.h"
#include "ui/new_rule.h"
#include "ui/shown.h"
#include <string.h>

struct settings {
	GtkWindow *window;
	AdwToastOverlay *toasts;
	GtkInfoBar *trouble;
	GtkLabel *trouble_text;
	GtkListBox *names; /* of the pages */
	AdwBin *place;
	AdwWindowTitle *title;
	AdwLeaflet *leaflet;
	struct page page;
	struct desk *desk;
	struct snapshot *snapshot; /* ref; NULL: not known */
	char *families;		   /* of the apps that are listed, joined: has that changed? */
};

/* Pages that every list begins with. */
static const struct {
	const char *title, *icon;
} fixed[] = {
	{"File System", "folder-symbolic"},
	{"Network", "network-wired-symbolic"},
	{"Recent Denials", "action-unavailable-symbolic"},
	{"Trusted Signers", "security-high-symbolic"},
};

struct desk *settings_desk(const struct settings *s)
{
	return s->desk;
}

GtkWindow *settings_window(const struct settings *s)
{
	return s->window;
}

void settings_say(struct settings *s, const char *line)
{
	AdwToast *toast;
	char *text = g_markup_escape_text(line, -1);

	toast = adw_toast_new(text); /* a toast's title is markup */
	adw_toast_overlay_add_toast(s->toasts, toast);
	g_free(text);
}

static void say_problem(void *data, const char *problem)
{
	if (problem)
		settings_say(data, problem);
}

void settings_change(struct settings *s, const struct rule_change *change)
{
	desk_change(s->desk, change, say_problem, s);
}

struct removal {
	struct settings *settings;
	struct snapshot_row row; /* strings owned */
};

static void removal_free(gpointer data, GClosure *closure)
{
	struct removal *r = data;

	(void)closure;
	g_free((char *)r->row.family);
	g_free((char *)r->row.what);
	g_free(r);
}

static void undo(AdwToast *toast, struct removal *r)
{
	const struct rule_change change = {.kind = RULE_RESTORE, .has_new = true, .new = r->row};

	(void)toast;
	settings_change(r->settings, &change);
}

/* Only when it is gone, there is something to undo. */
static void removed(void *data, const char *problem)
{
	struct removal *r = data;
	AdwToast *toast;

	if (problem) {
		settings_say(r->settings, problem);
		removal_free(r, NULL);
		return;
	}
	toast = adw_toast_new("Decision removed; the app asks again at its next access");
	adw_toast_set_button_label(toast, "Undo");
	adw_toast_set_timeout(toast, 15);
	g_signal_connect_data(toast, "button-clicked", G_CALLBACK(undo), r, removal_free, 0);
	adw_toast_overlay_add_toast(r->settings->toasts, toast);
}

void settings_remove(struct settings *s, const struct snapshot_row *row)
{
	const struct rule_change change = {.kind = RULE_REPLACE, .has_old = true, .old = *row};
	struct removal *r = g_new0(struct removal, 1);

	r->settings = s;
	r->row = *row;
	r->row.family = g_strdup(row->family);
	r->row.what = g_strdup(row->what);
	desk_change(s->desk, &change, removed, r);
}

struct confirmation {
	void (*yes)(void *data);
	void *data;
	GDestroyNotify destroy;
};

static void on_confirmed(AdwMessageDialog *dialog, const char *answer, struct confirmation *c)
{
	(void)dialog;
	if (strcmp(answer, "yes") == 0)
		c->yes(c->data);
	if (c->destroy)
		c->destroy(c->data);
	g_free(c);
}

void settings_confirm(struct settings *s, const char *heading, const char *body, const char *verb,
		      void (*yes)(void *data), void *data, GDestroyNotify destroy)
{
	AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG(adw_message_dialog_new(s->window, heading, body));
	struct confirmation *c = g_new0(struct confirmation, 1);

	*c = (struct confirmation){yes, data, destroy};
	adw_message_dialog_add_response(dialog, "no", "Cancel");
	adw_message_dialog_add_response(dialog, "yes", verb);
	adw_message_dialog_set_response_appearance(dialog, "yes", ADW_RESPONSE_DESTRUCTIVE);
	adw_message_dialog_set_default_response(dialog, "no");
	adw_message_dialog_set_close_response(dialog, "no");
	g_signal_connect(dialog, "response", G_CALLBACK(on_confirmed), c);
	gtk_window_present(GTK_WINDOW(dialog));
}

struct granting {
	struct settings *settings;
	char *family; /* owned */
};

static void grant(struct granting *g, const char *given, bool write)
{
	char path[PATH_MAX];
	struct rule_change change;
	struct appsilo_error err = {0};

	if (new_rule_path(&desk_places(g->settings->desk)->user, given, write ? CONSENT_WRITE : CONSENT_READ,
			  CONSENT_ALLOW, path, &change, &err) < 0) {
		settings_say(g->settings, err.line);
		return;
	}
	change.new.family = g->family;
	settings_change(g->settings, &change);
}

static void on_chosen(GtkNativeDialog *chooser, int response, struct granting *g)
{
	GFile *file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser)) : NULL;
	const char *access = gtk_file_chooser_get_choice(GTK_FILE_CHOOSER(chooser), "access");

	if (file && g_file_peek_path(file))
		grant(g, g_file_peek_path(file), access && strcmp(access, "write") == 0);
	g_clear_object(&file);
	g_object_unref(chooser);
	g_free(g->family);
	g_free(g);
}

void settings_grant(struct settings *s, const char *family, bool folder)
{
	GtkFileChooserNative *chooser = gtk_file_chooser_native_new(
		family ? "Let This App Use" : "Let Every App Use", s->window,
		folder ? GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER : GTK_FILE_CHOOSER_ACTION_OPEN, "Allow", "Cancel");
	struct granting *g = g_new0(struct granting, 1);

	g->settings = s;
	g->family = g_strdup(family ? family : CONSENT_ALL_FAMILIES);
	gtk_file_chooser_add_choice(GTK_FILE_CHOOSER(chooser), "access", "Access",
				    (const char *[]){"read", "write", NULL},
				    (const char *[]){"Read", "Read and change", NULL});
	gtk_file_chooser_set_choice(GTK_FILE_CHOOSER(chooser), "access", "read");
	g_signal_connect(chooser, "response", G_CALLBACK(on_chosen), g);
	gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}

static void open_page(struct settings *s, GtkListBoxRow *row)
{
	const char *family = g_object_get_data(G_OBJECT(row), "family");

	s->page = (struct page){0};
	switch (family ? -1 : gtk_list_box_row_get_index(row)) {
	case 0:
		rules_page_init(&s->page, s, RULES_FILES, NULL);
		break;
	case 1:
		rules_page_init(&s->page, s, RULES_HOSTS, NULL);
		break;
	case 2:
		denials_page_init(&s->page, s);
		break;
	case 3:
		signers_page_init(&s->page, s);
		break;
	default:
		app_page_init(&s->page, s, family);
	}
	adw_bin_set_child(s->place, s->page.widget);
	adw_window_title_set_title(s->title, g_object_get_data(G_OBJECT(row), "title"));
	if (s->page.show)
		s->page.show(s->page.data, s->snapshot);
}

static void on_row(GtkListBox *list, GtkListBoxRow *row, struct settings *s)
{
	(void)list;
	if (!row)
		return;
	open_page(s, row);
	adw_leaflet_navigate(s->leaflet, ADW_NAVIGATION_DIRECTION_FORWARD);
}

static void add_name(struct settings *s, const char *title, const char *subtitle, const char *icon,
		     const char *family)
{
	GtkWidget *row = adw_action_row_new(), *image = gtk_image_new_from_icon_name(icon);

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	adw_action_row_set_title_lines(ADW_ACTION_ROW(row), 1);
	adw_action_row_set_subtitle_lines(ADW_ACTION_ROW(row), 1);
	if (subtitle)
		adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
	adw_action_row_add_prefix(ADW_ACTION_ROW(row), image);
	g_object_set_data_full(G_OBJECT(row), "title", g_strdup(title), g_free);
	g_object_set_data_full(G_OBJECT(row), "family", g_strdup(family), g_free);
	gtk_list_box_append(s->names, row);
}

static void add_app(void *data, const struct app *app)
{
	char *name = shown_text(app->name), *family = shown_text(app->family);

	add_name(data, name, family, app->installed ? "application-x-executable-symbolic" : "system-run-symbolic",
		 app->family);
	g_free(name);
	g_free(family);
}

static void select_family(struct settings *s, const char *family)
{
	GtkListBoxRow *row = gtk_list_box_get_row_at_index(s->names, 0);

	for (int i = ARRAY_SIZE(fixed); family && gtk_list_box_get_row_at_index(s->names, i); i++)
		if (strcmp(g_object_get_data(G_OBJECT(gtk_list_box_get_row_at_index(s->names, i)), "family"),
			   family) == 0)
			row = gtk_list_box_get_row_at_index(s->names, i);
	gtk_list_box_select_row(s->names, row);
}

/* The apps at the left, when they have changed. */
static void list_apps(struct settings *s, bool force)
{
	struct apps *apps = apps_find(desk_places(s->desk), s->snapshot);
	char *families = apps_joined(apps);
	GtkListBoxRow *row, *chosen = gtk_list_box_get_selected_row(s->names);
	char *family = chosen ? g_strdup(g_object_get_data(G_OBJECT(chosen), "family")) : NULL;
	bool other = !s->families || strcmp(families, s->families) != 0;

	if (force || other) {
		while ((row = gtk_list_box_get_row_at_index(s->names, ARRAY_SIZE(fixed))))
			gtk_list_box_remove(s->names, GTK_WIDGET(row));
		apps_each(apps, add_app, s);
		if (!gtk_list_box_get_selected_row(s->names))
			select_family(s, force ? NULL : family);
	}
	g_free(s->families);
	s->families = families;
	g_free(family);
	apps_free(apps);
}

void settings_refresh(struct settings *s)
{
	gtk_list_box_unselect_all(s->names);
	list_apps(s, true);
	desk_reload(s->desk);
}

static void on_loaded(void *data, struct snapshot *snapshot, const char *problem)
{
	struct settings *s = data;

	snapshot_unref(s->snapshot);
	s->snapshot = snapshot_ref(snapshot);
	gtk_label_set_text(s->trouble_text, problem ? problem : "");
	gtk_info_bar_set_revealed(s->trouble, problem != NULL);
	gtk_widget_set_visible(GTK_WIDGET(s->trouble), problem != NULL);
	if (s->page.show)
		s->page.show(s->page.data, snapshot);
	list_apps(s, false);
}

static void name_header(GtkListBoxRow *row, GtkListBoxRow *before, gpointer data)
{
	int index = gtk_list_box_row_get_index(row);
	const char *text = index == 0 ? "Privacy & Security" : index == ARRAY_SIZE(fixed) ? "Apps" : NULL;
	GtkWidget *label = text ? gtk_label_new(text) : NULL;

	(void)before;
	(void)data;
	if (label) {
		gtk_widget_add_css_class(label, "heading");
		gtk_label_set_xalign(GTK_LABEL(label), 0);
		gtk_widget_set_margin_start(label, 12);
		gtk_widget_set_margin_top(label, 12);
		gtk_widget_set_margin_bottom(label, 6);
	}
	gtk_list_box_row_set_header(row, label);
}

static GtkWidget *make_left(struct settings *s)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0), *bar = adw_header_bar_new();
	GtkWidget *scroller = gtk_scrolled_window_new();

	s->names = GTK_LIST_BOX(gtk_list_box_new());
	gtk_widget_add_css_class(GTK_WIDGET(s->names), "navigation-sidebar");
	gtk_list_box_set_header_func(s->names, name_header, NULL, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		add_name(s, fixed[i].title, NULL, fixed[i].icon, NULL);
	g_signal_connect(s->names, "row-selected", G_CALLBACK(on_row), s);
	adw_header_bar_set_show_end_title_buttons(ADW_HEADER_BAR(bar), FALSE);
	adw_header_bar_set_title_widget(ADW_HEADER_BAR(bar), adw_window_title_new("appsilo", NULL));
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), GTK_WIDGET(s->names));
	gtk_widget_set_vexpand(scroller, TRUE);
	gtk_box_append(GTK_BOX(box), bar);
	gtk_box_append(GTK_BOX(box), scroller);
	gtk_widget_set_size_request(box, 270, -1);
	return box;
}

static void go_back(struct settings *s)
{
	adw_leaflet_navigate(s->leaflet, ADW_NAVIGATION_DIRECTION_BACK);
}

static GtkWidget *make_right(struct settings *s)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0), *bar = adw_header_bar_new();
	GtkWidget *back = gtk_button_new_from_icon_name("go-previous-symbolic");

	s->title = ADW_WINDOW_TITLE(adw_window_title_new("", NULL));
	s->place = ADW_BIN(adw_bin_new());
	s->trouble = GTK_INFO_BAR(gtk_info_bar_new());
	s->trouble_text = GTK_LABEL(gtk_label_new(NULL));
	gtk_label_set_wrap(s->trouble_text, TRUE);
	gtk_label_set_wrap_mode(s->trouble_text, PANGO_WRAP_WORD_CHAR);
	gtk_info_bar_set_message_type(s->trouble, GTK_MESSAGE_ERROR);
	gtk_info_bar_add_child(s->trouble, GTK_WIDGET(s->trouble_text));
	gtk_widget_set_visible(GTK_WIDGET(s->trouble), FALSE);
	gtk_widget_set_tooltip_text(back, "Back");
	g_signal_connect_swapped(back, "clicked", G_CALLBACK(go_back), s);
	g_object_bind_property(s->leaflet, "folded", back, "visible", G_BINDING_SYNC_CREATE);
	adw_header_bar_pack_start(ADW_HEADER_BAR(bar), back);
	adw_header_bar_set_title_widget(ADW_HEADER_BAR(bar), GTK_WIDGET(s->title));
	gtk_box_append(GTK_BOX(box), bar);
	gtk_box_append(GTK_BOX(box), GTK_WIDGET(s->trouble));
	gtk_box_append(GTK_BOX(box), GTK_WIDGET(s->place));
	gtk_widget_set_vexpand(GTK_WIDGET(s->place), TRUE);
	gtk_widget_set_hexpand(box, TRUE);
	gtk_widget_set_margin_start(GTK_WIDGET(s->place), 18);
	gtk_widget_set_margin_end(GTK_WIDGET(s->place), 18);
	gtk_widget_set_margin_top(GTK_WIDGET(s->place), 18);
	gtk_widget_set_margin_bottom(GTK_WIDGET(s->place), 18);
	return box;
}

void settings_open(AdwApplication *app, const struct package_places *places)
{
	struct settings *s = g_new0(struct settings, 1); /* for the program's life */
	const struct desk_events events = {on_loaded, s};

	s->desk = desk_new(places, &events);
	s->window = GTK_WINDOW(adw_application_window_new(GTK_APPLICATION(app)));
	s->toasts = ADW_TOAST_OVERLAY(adw_toast_overlay_new());
	s->leaflet = ADW_LEAFLET(adw_leaflet_new());
	adw_leaflet_append(s->leaflet, make_left(s));
	adw_leaflet_page_set_navigatable(adw_leaflet_append(s->leaflet, gtk_separator_new(GTK_ORIENTATION_VERTICAL)),
					 FALSE);
	adw_leaflet_append(s->leaflet, make_right(s));
	adw_toast_overlay_set_child(s->toasts, GTK_WIDGET(s->leaflet));
	adw_application_window_set_content(ADW_APPLICATION_WINDOW(s->window), GTK_WIDGET(s->toasts));
	gtk_window_set_title(s->window, "appsilo settings");
	gtk_window_set_default_size(s->window, 1000, 680);
	list_apps(s, true);
	gtk_window_present(s->window);
}
