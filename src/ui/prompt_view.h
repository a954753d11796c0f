/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for what: the upper part of the prompt window. GTK's thread only. */
#ifndef APPSILO_UI_PROMPT_VIEW_H
#define APPSILO_UI_PROMPT_VIEW_H

#include "ui/question.h"
#include <gtk/gtk.h>

/** "app wants to create this file", for the heading and screen readers. To g_free(). */
char *prompt_view_heading(const struct question *q);

/** Everything but the choices, in @box. */
void prompt_view_fill(GtkWidget *box, const struct question *q);

/** The rest, which a person may look at: in an expander. */
GtkWidget *prompt_view_details(const struct question *q);

#endif
