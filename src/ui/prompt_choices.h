/* SPDX-License-Identifier: Apache-2.0 */
/* How far and how long an answer in the prompt window holds. GTK's thread only. */
#ifndef APPSILO_UI_PROMPT_CHOICES_H
#define APPSILO_UI_PROMPT_CHOICES_H

#include "ui/question.h"
#include <gtk/gtk.h>

struct prompt_choices {
	GtkWidget *box;		   /* a floating reference until it is put somewhere */
	const struct question *q;  /* borrowed */
	GtkToggleButton *wide, *write, *once, *session; /* not pressed: the narrower; NULL: not offered */
	GtkLabel *effect;
};

/** Fill @ret for @q, which lives as long as @ret->box: nothing wider than asked is chosen. */
void prompt_choices_init(struct prompt_choices *ret, const struct question *q);

/** The answer with these choices. No is about the one thing that was asked for. */
void prompt_choices_read(const struct prompt_choices *choices, bool allow, struct answer *ret);

#endif
