/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/shown.h"

#include "consent/question_words.h"
#include <string.h>

#define LEFT_TO_RIGHT_MARK "\xe2\x80\x8e"

static const char style[] =
	".subject { padding: 12px 14px; }"
	".subject .name { font-weight: bold; font-size: 110%; }"
	".caution { padding: 10px 14px; border-radius: 12px; background: alpha(@warning_bg_color, 0.18); }"
	".choices button { padding-left: 14px; padding-right: 14px; }"
	".consent-row { padding: 6px 12px; }";

char *shown_bytes(const char *bytes, size_t length)
{
	cleanup_free char *shown = malloc(QUESTION_SHOWN_MAX);

	/* No name of the kernel's is longer: it would be refused before it is shown. */
	if (!shown || question_escape(bytes, length, shown, QUESTION_SHOWN_MAX) < 0)
		return g_strdup("(name too long to show)");
	return shown_marked(shown);
}

char *shown_text(const char *text)
{
	return shown_bytes(text, strlen(text));
}

char *shown_marked(const char *shown)
{
	return g_strconcat(LEFT_TO_RIGHT_MARK, shown, NULL);
}

static GtkWidget *make_label(const char *text, const char *class)
{
	GtkWidget *label = gtk_label_new(text); /* plain text: markup stays what it is */

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	if (class)
		gtk_widget_add_css_class(label, class);
	return label;
}

GtkWidget *shown_label(const char *text, const char *class)
{
	GtkWidget *label = make_label(text, class);
	PangoAttrList *attributes = pango_attr_list_new();

	/* No hyphen where a name is broken: it would look like a part of it. */
	pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
	gtk_label_set_attributes(GTK_LABEL(label), attributes);
	pango_attr_list_unref(attributes);
	gtk_label_set_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 52);
	return label;
}

GtkWidget *shown_folder(const char *text, const char *class)
{
	GtkWidget *label = make_label(text, class);

	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_MIDDLE);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 52);
	gtk_widget_set_tooltip_text(label, text);
	return label;
}

void shown_style(void)
{
	GtkCssProvider *provider = gtk_css_provider_new();

	gtk_css_provider_load_from_data(provider, style, -1);
	gtk_style_context_add_provider_for_display(gdk_display_get_default(), GTK_STYLE_PROVIDER(provider),
						   GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
	g_object_unref(provider);
}
