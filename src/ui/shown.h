/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in windows: escaped as on a terminal (consent/question_words.h), never markup, never cut.
 * GTK's thread only.
 */
#ifndef APPSILO_UI_SHOWN_H
#define APPSILO_UI_SHOWN_H

#include "base/cleanup.h"
#include <gtk/gtk.h>

/**
 * @bytes as it is shown, to g_free(): it begins with a left-to-right mark, so that letters written
 * from right to left cannot turn the whole line round.
 */
char *shown_bytes(const char *bytes, size_t length);
char *shown_text(const char *text);

/** @shown, escaped already, with the mark. To g_free(). */
char *shown_marked(const char *shown);

/** A label that shows @text whole, on as many lines as it takes. @class may be NULL. */
GtkWidget *shown_label(const char *text, const char *class);

/** A label of one line: of a folder the middle may go, its tooltip has the whole. */
GtkWidget *shown_folder(const char *text, const char *class);

/** Load the style of our windows. */
void shown_style(void);

#endif
