/* SPDX-License-Identifier: Apache-2.0 */
/* What apps were denied lately, and allowing it from now on. */
#include "ui/settings.h"

#include "ui/denials.h"
#include "ui/shown.h"

struct denials_page {
	struct settings *settings;
	GtkListBox *list;
	GtkStack *stack;
	struct denials denials;
};

struct allowing {
	struct denials_page *page;
	size_t index;
};

static void on_allow(GtkButton *button, struct allowing *a)
{
	const struct denial *d = &a->page->denials.list[a->index];
	const struct rule_change change = denials_allow(d);

	gtk_button_set_label(button, "Allowed");
	gtk_widget_set_sensitive(GTK_WIDGET(button), FALSE);
	settings_change(a->page->settings, &change);
}

static void free_allowing(gpointer data, GClosure *closure)
{
	(void)closure;
	g_free(data);
}

static void add_denial(struct denials_page *p, size_t index)
{
	const struct denial *d = &p->denials.list[index];
	GtkWidget *row = adw_action_row_new(), *button;
	char *what = shown_text(d->what), *family = shown_text(d->family), *name;
	char *more = g_strdup_printf("%s · %s%s", family,
				     d->network		       ? "connect"
				     : d->access == CONSENT_READ ? "read"
								  : "change",
				     d->by_never_list ? " · always protected" : "");
	struct allowing *a;

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), what);
	adw_action_row_set_subtitle(ADW_ACTION_ROW(row), more);
	if (!d->by_never_list) {
		button = gtk_button_new_with_label("Allow From Now On");
		a = g_new0(struct allowing, 1);
		*a = (struct allowing){p, index};
		gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
		name = g_strdup_printf("Allow %s from now on", what);
		gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
		g_free(name);
		g_signal_connect_data(button, "clicked", G_CALLBACK(on_allow), a, free_allowing, 0);
		adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
	}
	gtk_list_box_append(p->list, row);
	g_free(what);
	g_free(family);
	g_free(more);
}

static void page_free(gpointer data)
{
	struct denials_page *p = data;

	denials_done(&p->denials);
	g_free(p);
}

void denials_page_init(struct page *ret, struct settings *settings)
{
	GtkWidget *scroller = gtk_scrolled_window_new(), *nothing = adw_status_page_new();
	struct denials_page *p = g_new0(struct denials_page, 1);

	p->settings = settings;
	p->list = GTK_LIST_BOX(gtk_list_box_new());
	p->stack = GTK_STACK(gtk_stack_new());
	gtk_list_box_set_selection_mode(p->list, GTK_SELECTION_NONE);
	gtk_widget_add_css_class(GTK_WIDGET(p->list), "boxed-list");
	gtk_widget_set_valign(GTK_WIDGET(p->list), GTK_ALIGN_START);
	adw_status_page_set_title(ADW_STATUS_PAGE(nothing), "No Denials");
	adw_status_page_set_icon_name(ADW_STATUS_PAGE(nothing), "security-high-symbolic");
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), GTK_WIDGET(p->list));
	gtk_stack_add_named(p->stack, scroller, "list");
	gtk_stack_add_named(p->stack, nothing, "nothing");
	denials_load(desk_places(settings_desk(settings))->user.data_dir, &p->denials);
	for (size_t i = 0; i < p->denials.n; i++)
		add_denial(p, i);
	gtk_stack_set_visible_child_name(p->stack, p->denials.n ? "list" : "nothing");
	g_object_set_data_full(G_OBJECT(p->stack), "page", p, page_free);
	*ret = (struct page){GTK_WIDGET(p->stack), NULL, p};
}
