/* SPDX-License-Identifier: Apache-2.0 */
/* Whose packages may be installed. */
#include "ui/settings.h"

#include "cli/certificates.h"
#include "package/openssl.h"
#include "package/trust.h"
#include "ui/shown.h"
#include <string.h>

struct signers_page {
	struct settings *settings;
	GtkListBox *list;
	char folder[PATH_MAX + 8]; /* the user's */
};

static void list_signers(struct signers_page *p);

struct signer {
	struct signers_page *page;
	char thumbprint[THUMBPRINT_SIZE];
};

static void take_out(void *data)
{
	struct signer *signer = data;
	struct appsilo_error err = {0};

	if (trust_remove(signer->page->folder, signer->thumbprint, &err) < 0)
		settings_say(signer->page->settings, err.line[0] ? err.line : "It was not trusted any more");
	list_signers(signer->page);
}

static void on_remove(GtkButton *button, struct signer *signer)
{
	(void)button;
	settings_confirm(signer->page->settings, "Trust This Signer No Longer?",
			 "New packages of this signer are refused. What is installed stays.", "Remove", take_out,
			 g_memdup2(signer, sizeof(*signer)), g_free);
}

static void free_signer(gpointer data, GClosure *closure)
{
	(void)closure;
	g_free(data);
}

static GtkWidget *remove_button(struct signers_page *p, const struct trusted *one, const char *who)
{
	GtkWidget *button = gtk_button_new_from_icon_name("user-trash-symbolic");
	struct signer *signer = g_new0(struct signer, 1);
	char *name = g_strdup_printf("Remove %s", who);

	signer->page = p;
	memcpy(signer->thumbprint, one->thumbprint, sizeof(signer->thumbprint));
	gtk_widget_add_css_class(button, "flat");
	gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
	gtk_widget_set_tooltip_text(button, "Remove");
	gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	g_signal_connect_data(button, "clicked", G_CALLBACK(on_remove), signer, free_signer, 0);
	g_free(name);
	return button;
}

static GtkWidget *add_line(struct signers_page *p, const char *title, const char *more)
{
	GtkWidget *row = adw_action_row_new();

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	if (more)
		adw_action_row_set_subtitle(ADW_ACTION_ROW(row), more);
	gtk_list_box_append(p->list, row);
	return row;
}

static void add_signer(struct signers_page *p, const struct trusted *one)
{
	struct cert_facts facts = {0};
	char date[32], *who, *more;
	GtkWidget *row;

	if (cert_describe(one->certificate, &facts) < 0)
		snprintf(facts.subject, sizeof(facts.subject), "%s", one->thumbprint);
	who = shown_text(facts.subject);
	more = g_strdup_printf("%s, %s, until %s, %.16s%s", one->kind == TRUST_SIGNER ? "packages" : "time stamps",
			       one->machine ? "for all users" : "for you", certificates_date(facts.not_after, date),
			       one->thumbprint, facts.authority ? ", and all it issued" : "");
	row = add_line(p, who, more);
	if (!one->machine)
		adw_action_row_add_suffix(ADW_ACTION_ROW(row), remove_button(p, one, who));
	g_free(who);
	g_free(more);
}

static void list_signers(struct signers_page *p)
{
	cleanup(trust_freep) struct trust *trust = NULL;
	struct appsilo_error err = {0};
	GtkListBoxRow *row;

	while ((row = gtk_list_box_get_row_at_index(p->list, 0)))
		gtk_list_box_remove(p->list, GTK_WIDGET(row));
	if (trust_load(desk_places(settings_desk(p->settings))->user.data_dir, &trust, &err) < 0) {
		add_line(p, "Trust cannot be read", err.line);
		return;
	}
	for (size_t i = 0; i < trust->n; i++)
		add_signer(p, &trust->list[i]);
	if (trust->n == 0)
		add_line(p, "Nobody is trusted", "No package can be installed");
}

static int no_pass_phrase(void *data, const char *path, char ret[PASS_PHRASE_MAX], struct appsilo_error *err)
{
	(void)data;
	(void)path;
	(void)ret;
	return error_say(err, -EKEYREJECTED, "This file needs a pass phrase; use appsilo trust add");
}

static int add_file(struct signers_page *p, const char *path, struct appsilo_error *err)
{
	cleanup(x509_stack_freep) STACK_OF(X509) *all = NULL;
	const struct pass_source pass = {no_pass_phrase, NULL};
	int r = certificates_load(path, &pass, &all, err);

	if (r == 0 && sk_X509_num(all) != 1)
		r = error_say(err, -EINVAL, "The file holds several certificates; put the one you mean into a file of its own");
	return r < 0 ? r : trust_add(p->folder, false, sk_X509_value(all, 0), TRUST_SIGNER, err);
}

static void on_chosen(GtkNativeDialog *chooser, int response, struct signers_page *p)
{
	GFile *file = response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser)) : NULL;
	struct appsilo_error err = {0};

	if (file && g_file_peek_path(file) && add_file(p, g_file_peek_path(file), &err) < 0)
		settings_say(p->settings, err.line);
	g_clear_object(&file);
	g_object_unref(chooser);
	list_signers(p);
}

static void on_add(struct signers_page *p)
{
	GtkFileChooserNative *chooser =
		gtk_file_chooser_native_new("Trust This Certificate", settings_window(p->settings),
					    GTK_FILE_CHOOSER_ACTION_OPEN, "Trust", "Cancel");

	g_signal_connect(chooser, "response", G_CALLBACK(on_chosen), p);
	gtk_native_dialog_show(GTK_NATIVE_DIALOG(chooser));
}

void signers_page_init(struct page *ret, struct settings *settings)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12), *scroller = gtk_scrolled_window_new();
	GtkWidget *add = gtk_button_new_with_label("Add Certificate…");
	struct signers_page *p = g_new0(struct signers_page, 1);

	p->settings = settings;
	p->list = GTK_LIST_BOX(gtk_list_box_new());
	snprintf(p->folder, sizeof(p->folder), "%s/trust", desk_places(settings_desk(settings))->user.data_dir);
	gtk_list_box_set_selection_mode(p->list, GTK_SELECTION_NONE);
	gtk_widget_add_css_class(GTK_WIDGET(p->list), "boxed-list");
	gtk_widget_set_valign(GTK_WIDGET(p->list), GTK_ALIGN_START);
	g_signal_connect_swapped(add, "clicked", G_CALLBACK(on_add), p);
	gtk_widget_set_halign(add, GTK_ALIGN_END);
	gtk_box_append(GTK_BOX(box), add);
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(scroller), GTK_WIDGET(p->list));
	gtk_widget_set_vexpand(scroller, TRUE);
	gtk_box_append(GTK_BOX(box), scroller);
	list_signers(p);
	g_object_set_data_full(G_OBJECT(box), "page", p, g_free);
	*ret = (struct page){box, NULL, p};
}
