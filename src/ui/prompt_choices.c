/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/prompt_choices.h"

#include <adwaita.h>

static bool is_pressed(GtkToggleButton *button)
{
	return button && gtk_toggle_button_get_active(button);
}

void prompt_choices_read(const struct prompt_choices *c, bool allow, struct answer *ret)
{
	const struct question *q = c->q;

	*ret = (struct answer){
		.allow = allow,
		.scope = is_pressed(c->once)	  ? CONSENT_ONCE
			 : is_pressed(c->session) ? CONSENT_SESSION
						  : CONSENT_ALWAYS,
		.access = q->file.access,
	};
	if (!allow)
		return;
	ret->wide = is_pressed(c->wide) || (!q->network && q->file.target == CONSENT_FOLDER);
	if (is_pressed(c->write))
		ret->access = CONSENT_WRITE;
}

static char *effect_on_host(const struct question *q, const struct answer *yes, const char *when)
{
	if (yes->wide || !q->host.port)
		return g_strdup_printf("Yes lets it connect to this host, any port, %s.", when);
	return g_strdup_printf("Yes lets it connect to this host at port %u, %s.", q->host.port, when);
}

/* What it will be able to do, in words. */
static void show_effect(struct prompt_choices *c)
{
	static const char *const when[] = {[CONSENT_ONCE] = "this once",
					   [CONSENT_SESSION] = "until it ends",
					   [CONSENT_ALWAYS] = "from now on"};
	struct answer yes;
	char *text;

	prompt_choices_read(c, true, &yes);
	if (c->q->network)
		text = effect_on_host(c->q, &yes, when[yes.scope]);
	else
		text = g_strdup_printf("Yes lets it %s %s, %s.",
				       yes.access == CONSENT_WRITE ? "read, change and delete" : "read",
				       yes.wide ? "this folder and all in it" : "this file",
				       when[yes.scope]);
	gtk_label_set_text(c->effect, text);
	g_free(text);
}

static void add_row(struct prompt_choices *c, GtkWidget *list, const char *title,
		    const char *const *words, GtkToggleButton **const *pressed, size_t chosen)
{
	GtkWidget *row = adw_action_row_new(), *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
	GtkToggleButton *first = NULL;

	gtk_widget_add_css_class(box, "linked");
	gtk_widget_set_valign(box, GTK_ALIGN_CENTER);
	for (size_t i = 0; words[i]; i++) {
		GtkWidget *button = gtk_toggle_button_new_with_label(words[i]);
		char *name = g_strdup_printf("%s: %s", title, words[i]);

		gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
		g_free(name);
		gtk_toggle_button_set_group(GTK_TOGGLE_BUTTON(button), first);
		first = first ? first : GTK_TOGGLE_BUTTON(button);
		gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(button), i == chosen);
		if (pressed[i])
			*pressed[i] = GTK_TOGGLE_BUTTON(button);
		g_signal_connect_swapped(button, "toggled", G_CALLBACK(show_effect), c);
		gtk_box_append(GTK_BOX(box), button);
	}
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), box);
	gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
	gtk_widget_set_focusable(row, FALSE); /* Tab goes from button to button */
	gtk_list_box_append(GTK_LIST_BOX(list), row);
}

void prompt_choices_init(struct prompt_choices *c, const struct question *q)
{
	static const char *const files[] = {"This file", "This folder and all in it", NULL};
	static const char *const ports[] = {"This port", "Any port", NULL};
	static const char *const access[] = {"Read", "Read and write", NULL};
	static const char *const scopes[] = {"Only once", "Until it ends", "Always", NULL};
	GtkWidget *list = gtk_list_box_new();

	*c = (struct prompt_choices){.box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12), .q = q};
	c->effect = GTK_LABEL(gtk_label_new(NULL));
	gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
	gtk_widget_add_css_class(list, "boxed-list");
	gtk_widget_add_css_class(list, "choices");
	if (q->network ? q->host.port != 0 : q->may_widen)
		add_row(c, list, "What", q->network ? ports : files, (GtkToggleButton **[]){NULL, &c->wide}, 0);
	if (!q->network && q->file.access == CONSENT_READ)
		add_row(c, list, "Access", access, (GtkToggleButton **[]){NULL, &c->write}, 0);
	add_row(c, list, "How long", scopes, (GtkToggleButton **[]){&c->once, &c->session, NULL}, 2);
	gtk_box_append(GTK_BOX(c->box), list);
	gtk_label_set_xalign(c->effect, 0);
	gtk_label_set_wrap(c->effect, TRUE);
	gtk_label_set_max_width_chars(c->effect, 52);
	gtk_box_append(GTK_BOX(c->box), GTK_WIDGET(c->effect));
	show_effect(c);
}
