/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions, with what can be done about each. */
#include "ui/settings.h"

#include "base/clock.h"
#include "base/path.h"
#include "ui/rule_words.h"
#include "ui/shown.h"
#include <string.h>

struct rules_page {
	struct settings *settings;
	RulesModel *model; /* ref */
	char *family;	   /* owned; NULL: of every app */
	enum rules_kind kind;
	GtkWidget *list;
	AdwStatusPage *nothing; /* in its place: why it is empty */
	bool searching, known;
};

static void page_free(gpointer data)
{
	struct rules_page *p = data;

	g_object_unref(p->model);
	g_free(p->family);
	g_free(p);
}

static char *date_text(int64_t time_ms)
{
	GDateTime *date = g_date_time_new_from_unix_local(time_ms / 1000);
	char *text = date ? g_date_time_format(date, "%e %B %Y, %H:%M") : g_strdup("?");

	if (date)
		g_date_time_unref(date);
	return g_strchug(text);
}

static char *describe(const struct rules_page *p, const struct snapshot_row *row)
{
	char *date = date_text(row->time_ms), *family = shown_text(row->family), *text;
	bool every = strcmp(row->family, CONSENT_ALL_FAMILIES) == 0;

	text = g_strdup_printf("%s%s · %s · %s%s%s%s%s", rule_words_what(row),
			       row->network			? ""
			       : row->target == CONSENT_FOLDER ? ", with all in it"
								: "",
			       rule_words_source(row), date, *row->last_used ? " · last used " : "", row->last_used, p->family ? "" : " · ",
			       p->family ? "" : every ? "every app" : family);
	g_free(date);
	g_free(family);
	return text;
}

/* One row of the list; GTK uses it again for other decisions. */
struct row {
	struct rules_page *page;
	GtkListItem *item; /* borrowed */
	GtkLabel *folder, *name, *facts;
	GtkImage *icon;
	GtkWidget *change, *remove;
};

static const struct snapshot_row *row_of(const struct row *row)
{
	RulesItem *item = gtk_list_item_get_item(row->item);

	return item ? rules_item_row(item) : NULL;
}

static void on_remove(struct row *row)
{
	const struct snapshot_row *r = row_of(row);

	if (r)
		settings_remove(row->page->settings, r);
}

/* What is to be changed, as it was shown. */
struct changing {
	struct settings *settings;
	RulesItem *item; /* ref */
};

static void on_changed(AdwMessageDialog *dialog, const char *answer, struct changing *c)
{
	const struct snapshot_row *old = rules_item_row(c->item);
	struct rule_change change = {
		.kind = RULE_REPLACE, .has_old = true, .has_new = true, .old = *old, .new = *old};

	(void)dialog;
	change.new.verdict = strcmp(answer, "deny") == 0 ? CONSENT_DENY : CONSENT_ALLOW;
	change.new.access = strcmp(answer, "write") == 0 ? CONSENT_WRITE : CONSENT_READ;
	change.new.source = CONSENT_FROM_GRANT;
	change.new.time_ms = clock_realtime_ms();
	if (strcmp(answer, "cancel") != 0)
		settings_change(c->settings, &change);
	g_object_unref(c->item);
	g_free(c);
}

static void on_change(struct row *row)
{
	RulesItem *item = gtk_list_item_get_item(row->item);
	const struct snapshot_row *r = row_of(row);
	struct changing *c;
	GtkWidget *dialog;
	char *what;

	if (!r)
		return;
	what = shown_text(r->what);
	dialog = adw_message_dialog_new(settings_window(row->page->settings), "Change This Decision", what);
	g_free(what);
	adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "cancel", "Cancel");
	adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "deny", r->network ? "Refuse" : "No Access");
	if (r->network) {
		adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "allow", "Allow");
	} else {
		adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "read", "Read");
		adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "write", "Read and Change");
	}
	adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
	adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
	c = g_new0(struct changing, 1);
	c->settings = row->page->settings;
	c->item = g_object_ref(item);
	g_signal_connect(dialog, "response", G_CALLBACK(on_changed), c);
	gtk_window_present(GTK_WINDOW(dialog));
}

static GtkWidget *row_button(GtkWidget *box, const char *icon, const char *tip, GCallback clicked, struct row *row)
{
	GtkWidget *button = gtk_button_new_from_icon_name(icon);

	gtk_widget_add_css_class(button, "flat");
	gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
	gtk_widget_set_tooltip_text(button, tip);
	g_signal_connect_swapped(button, "clicked", clicked, row);
	gtk_box_append(GTK_BOX(box), button);
	return button;
}

static void set_up_row(GtkSignalListItemFactory *factory, GtkListItem *item, struct rules_page *p)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12), *text = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *path = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
	struct row *row = g_new0(struct row, 1);

	(void)factory;
	row->page = p;
	row->item = item;
	row->icon = GTK_IMAGE(gtk_image_new());
	row->folder = GTK_LABEL(shown_folder("", "dim-label"));
	row->name = GTK_LABEL(gtk_label_new(NULL));
	row->facts = GTK_LABEL(gtk_label_new(NULL));
	gtk_label_set_xalign(row->facts, 0);
	gtk_label_set_ellipsize(row->facts, PANGO_ELLIPSIZE_END);
	gtk_label_set_ellipsize(row->name, PANGO_ELLIPSIZE_MIDDLE);
	gtk_widget_add_css_class(GTK_WIDGET(row->facts), "caption");
	gtk_widget_add_css_class(GTK_WIDGET(row->facts), "dim-label");
	gtk_widget_add_css_class(box, "consent-row");
	gtk_box_append(GTK_BOX(path), GTK_WIDGET(row->folder));
	gtk_box_append(GTK_BOX(path), GTK_WIDGET(row->name));
	gtk_box_append(GTK_BOX(text), path);
	gtk_box_append(GTK_BOX(text), GTK_WIDGET(row->facts));
	gtk_widget_set_hexpand(text, TRUE);
	gtk_box_append(GTK_BOX(box), GTK_WIDGET(row->icon));
	gtk_box_append(GTK_BOX(box), text);
	row->change = row_button(box, "document-edit-symbolic", "Change", G_CALLBACK(on_change), row);
	row->remove = row_button(box, "user-trash-symbolic", "Remove", G_CALLBACK(on_remove), row);
	g_object_set_data_full(G_OBJECT(item), "row", row, g_free);
	gtk_list_item_set_activatable(item, FALSE);
	gtk_list_item_set_child(item, box);
}

static void name_button(GtkWidget *button, const char *verb, const char *what)
{
	char *name = g_strdup_printf("%s %s", verb, what);

	gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	g_free(name);
}

static void bind_row(GtkSignalListItemFactory *factory, GtkListItem *item, struct rules_page *p)
{
	struct row *row = g_object_get_data(G_OBJECT(item), "row");
	const struct snapshot_row *r = row_of(row);
	const char *base = r->network ? r->what : path_base(r->what);
	char *folder = base > r->what ? shown_bytes(r->what, (size_t)(base - r->what)) : g_strdup("");
	char *name = shown_text(base), *whole = shown_text(r->what), *facts = describe(p, r);

	(void)factory;
	gtk_label_set_text(row->folder, folder);
	gtk_label_set_text(row->name, name);
	gtk_label_set_text(row->facts, facts);
	gtk_widget_set_tooltip_text(GTK_WIDGET(row->folder), whole);
	gtk_widget_set_tooltip_text(GTK_WIDGET(row->name), whole);
	gtk_image_set_from_icon_name(row->icon, r->verdict == CONSENT_ALLOW ? "emblem-ok-symbolic"
									     : "action-unavailable-symbolic");
	name_button(row->change, "Change", whole);
	name_button(row->remove, "Remove", whole);
	g_free(folder);
	g_free(name);
	g_free(whole);
	g_free(facts);
}

static void show_nothing(struct rules_page *p)
{
	bool empty = g_list_model_get_n_items(G_LIST_MODEL(p->model)) == 0;

	adw_status_page_set_title(p->nothing, !p->known	     ? "Not Known"
					      : p->searching ? "Nothing Found"
							     : "No Decisions");
	adw_status_page_set_description(p->nothing, !p->known	  ? "The decisions cannot be read."
						    : p->searching ? NULL
								   : "Nothing was allowed or refused for good.");
	gtk_widget_set_visible(p->list, !empty);
	gtk_widget_set_visible(GTK_WIDGET(p->nothing), empty);
}

static void show_snapshot(void *data, struct snapshot *snapshot)
{
	struct rules_page *p = data;

	p->known = snapshot != NULL;
	rules_model_set_snapshot(p->model, snapshot);
	show_nothing(p);
}

static void on_search(GtkSearchEntry *entry, struct rules_page *p)
{
	const char *words = gtk_editable_get_text(GTK_EDITABLE(entry));

	p->searching = *words;
	rules_model_search(p->model, words);
	show_nothing(p);
}

static void reset(void *data)
{
	struct rules_page *p = data;
	const struct rule_change change = {.kind = RULE_RESET, .family = p->family};

	settings_change(p->settings, &change);
}

static void on_reset(struct rules_page *p)
{
	settings_confirm(p->settings, p->family ? "Reset This App?" : "Reset All Apps?",
			 p->family ? "All its decisions are forgotten, and it asks again. What it has open stays open until it ends."
				   : "All decisions of all apps are forgotten, grants too, and apps ask again. What they have open stays open until they end.",
			 "Reset", reset, p, NULL);
}

static void on_add_folder(struct rules_page *p)
{
	settings_grant(p->settings, p->family, true);
}

static void on_add_file(struct rules_page *p)
{
	settings_grant(p->settings, p->family, false);
}

static void add_button(GtkWidget *bar, const char *label, void (*clicked)(struct rules_page *),
		       struct rules_page *p)
{
	GtkWidget *button = gtk_button_new_with_label(label);

	g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked), p);
	gtk_box_append(GTK_BOX(bar), button);
}

static GtkWidget *make_bar(struct rules_page *p)
{
	GtkWidget *bar = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6), *search = gtk_search_entry_new();

	gtk_widget_set_hexpand(search, TRUE);
	gtk_accessible_update_property(GTK_ACCESSIBLE(search), GTK_ACCESSIBLE_PROPERTY_LABEL, "Search", -1);
	g_signal_connect(search, "search-changed", G_CALLBACK(on_search), p);
	gtk_box_append(GTK_BOX(bar), search);
	if (p->kind != RULES_HOSTS) {
		add_button(bar, "Add Folder…", on_add_folder, p);
		add_button(bar, "Add File…", on_add_file, p);
	}
	add_button(bar, p->family ? "Reset App…" : "Reset All…", on_reset, p);
	return bar;
}

static GtkWidget *make_list(struct rules_page *p)
{
	GtkListItemFactory *factory = gtk_signal_list_item_factory_new();
	GtkSelectionModel *selection = GTK_SELECTION_MODEL(gtk_no_selection_new(g_object_ref(G_LIST_MODEL(p->model))));
	GtkWidget *list = gtk_list_view_new(selection, factory), *scroller = gtk_scrolled_window_new();

	g_signal_connect(factory, "setup", G_CALLBACK(set_up_row), p);
	g_signal_connect(factory, "bind", G_CALLBACK(bind_row), p);
	gtk_list_view_set_show_separators(GTK_LIST_VIEW(list), TRUE);
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), list);
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_widget_add_css_class(scroller, "card");
	return scroller;
}

void rules_page_init(struct page *ret, struct settings *settings, enum rules_kind kind, const char *family)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	struct rules_page *p = g_new0(struct rules_page, 1);

	p->settings = settings;
	p->kind = kind;
	p->family = g_strdup(family);
	p->model = rules_model_new(kind, family);
	p->nothing = ADW_STATUS_PAGE(adw_status_page_new());
	adw_status_page_set_icon_name(p->nothing, "security-medium-symbolic");
	gtk_widget_add_css_class(GTK_WIDGET(p->nothing), "compact");
	gtk_box_append(GTK_BOX(box), make_bar(p));
	p->list = make_list(p);
	gtk_widget_set_vexpand(p->list, TRUE);
	gtk_widget_set_vexpand(GTK_WIDGET(p->nothing), TRUE);
	gtk_box_append(GTK_BOX(box), p->list);
	gtk_box_append(GTK_BOX(box), GTK_WIDGET(p->nothing));
	g_object_set_data_full(G_OBJECT(box), "page", p, page_free);
	*ret = (struct page){box, show_snapshot, p};
}
