/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/prompt_window.h"

#include "ui/held_keys.h"
#include "ui/prompt_choices.h"
#include "ui/prompt_view.h"
#include "ui/shown.h"
#include <adwaita.h>

/* Longer than whoever is typing or clicking elsewhere takes to stop. */
#define ARM_MS 500
/* The next question of a queue comes at once: then the window stays. */
#define LINGER_MS 300
#define WIDTH 520

struct prompt_window {
	GtkWindow *window;
	AdwWindowTitle *title;
	AdwBin *place;	  /* of what is shown about a question */
	GtkWidget *answers; /* the row of these: */
	GtkWidget *no, *yes, *all;
	struct question q; /* owned; id 0: none is open */
	struct prompt_choices choices;
	struct held_keys held;
	bool armed;
	guint arm_timer, linger_timer; /* 0: not running */
	void (*answered)(void *data, const struct question *q, const struct answer *answer);
	void *data;
};

static void stop_timer(guint *timer)
{
	if (*timer)
		g_source_remove(*timer);
	*timer = 0;
}

/* One by one: a screen reader is told of each. */
static void set_live(struct prompt_window *w, bool live)
{
	w->armed = live;
	gtk_widget_set_sensitive(w->all, live);
	gtk_widget_set_sensitive(w->no, live);
	gtk_widget_set_sensitive(w->yes, live);
}

static gboolean arm(gpointer data)
{
	struct prompt_window *w = data;

	w->arm_timer = 0;
	held_keys_look(&w->held, GTK_WIDGET(w->window));
	set_live(w, true);
	gtk_window_set_default_widget(w->window, w->no);
	gtk_widget_grab_focus(w->no);
	gtk_window_set_focus_visible(w->window, TRUE);
	return G_SOURCE_REMOVE;
}

static void disarm(struct prompt_window *w)
{
	stop_timer(&w->arm_timer);
	set_live(w, false);
	if (w->q.id && gtk_window_is_active(w->window))
		w->arm_timer = g_timeout_add(ARM_MS, arm, w);
}

static gboolean linger(gpointer data)
{
	struct prompt_window *w = data;

	w->linger_timer = 0;
	gtk_widget_set_visible(GTK_WIDGET(w->window), FALSE);
	adw_bin_set_child(w->place, NULL);
	return G_SOURCE_REMOVE;
}

static void finish(struct prompt_window *w, const struct answer *answer)
{
	struct question q = w->q;

	if (!q.id)
		return;
	w->q.id = 0;
	disarm(w);
	gtk_widget_set_sensitive(GTK_WIDGET(w->place), FALSE);
	w->linger_timer = g_timeout_add(LINGER_MS, linger, w);
	w->answered(w->data, &q, answer);
}

static void refuse_once(struct prompt_window *w)
{
	const struct answer no = {.scope = CONSENT_ONCE, .access = w->q.file.access};

	finish(w, &no);
}

static void choose(struct prompt_window *w, bool allow)
{
	struct answer answer;

	if (!w->armed) /* also what a program that steers windows is told */
		return;
	prompt_choices_read(&w->choices, allow, &answer);
	finish(w, &answer);
}

static void on_yes(struct prompt_window *w)
{
	choose(w, true);
}

static void on_no(struct prompt_window *w)
{
	choose(w, false);
}

static void on_all(struct prompt_window *w)
{
	const struct answer no = {.scope = CONSENT_ONCE, .access = w->q.file.access, .all = true};

	if (w->armed)
		finish(w, &no);
}

static gboolean on_close(GtkWindow *window, struct prompt_window *w)
{
	(void)window;
	refuse_once(w);
	return TRUE;
}

/* Before any widget: a key that went down before, or repeats, is nobody's. */
static gboolean on_key(GtkEventControllerKey *controller, guint keyval, guint keycode,
		       GdkModifierType state, struct prompt_window *w)
{
	bool fresh = keycode < HELD_KEYS_MAX && !w->held.down[keycode];

	(void)controller;
	(void)state;
	if (keycode < HELD_KEYS_MAX)
		w->held.down[keycode] = true;
	if (fresh && !w->armed)
		disarm(w); /* whoever goes on typing has not seen the question */
	if (!fresh || !w->armed)
		return TRUE;
	if (keyval != GDK_KEY_Escape)
		return FALSE;
	refuse_once(w);
	return TRUE;
}

static void on_key_up(GtkEventControllerKey *controller, guint keyval, guint keycode,
		      GdkModifierType state, struct prompt_window *w)
{
	(void)controller;
	(void)keyval;
	(void)state;
	if (keycode < HELD_KEYS_MAX)
		w->held.down[keycode] = false;
}

static void on_active(GObject *object, GParamSpec *spec, struct prompt_window *w)
{
	(void)object;
	(void)spec;
	disarm(w);
}

static GtkWidget *add_button(struct prompt_window *w, const char *mnemonic,
			     void (*clicked)(struct prompt_window *))
{
	GtkWidget *button = gtk_button_new(), *label = gtk_label_new_with_mnemonic(mnemonic);

	/* GTK's own way to do this gives it the name "_No No". */
	gtk_button_set_child(GTK_BUTTON(button), label);
	gtk_label_set_mnemonic_widget(GTK_LABEL(label), button);
	g_signal_connect_swapped(button, "clicked", G_CALLBACK(clicked), w);
	gtk_widget_set_size_request(button, 96, -1);
	gtk_box_append(GTK_BOX(w->answers), button);
	return button;
}

static void make_answers(struct prompt_window *w)
{
	GtkWidget *gap;

	w->answers = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	w->all = add_button(w, "No to _All", on_all);
	gtk_widget_set_tooltip_text(w->all, "No to everything else it asks for until it ends");
	gap = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
	gtk_widget_set_hexpand(gap, TRUE);
	gtk_box_append(GTK_BOX(w->answers), gap);
	w->no = add_button(w, "_No", on_no);
	w->yes = add_button(w, "_Yes", on_yes);
}

static void set_margins(GtkWidget *widget, int pixels)
{
	gtk_widget_set_margin_start(widget, pixels);
	gtk_widget_set_margin_end(widget, pixels);
	gtk_widget_set_margin_top(widget, pixels);
	gtk_widget_set_margin_bottom(widget, pixels);
}

static void listen_to_keys(struct prompt_window *w)
{
	GtkEventController *keys = gtk_event_controller_key_new();

	gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
	g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), w);
	g_signal_connect(keys, "key-released", G_CALLBACK(on_key_up), w);
	gtk_widget_add_controller(GTK_WIDGET(w->window), keys);
}

struct prompt_window *prompt_window_new(void (*answered)(void *data, const struct question *q,
							 const struct answer *answer),
					void *data)
{
	struct prompt_window *w = g_new0(struct prompt_window, 1);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 0), *bar = adw_header_bar_new();

	w->answered = answered;
	w->data = data;
	w->window = g_object_new(ADW_TYPE_WINDOW, "accessible-role", GTK_ACCESSIBLE_ROLE_ALERT_DIALOG,
				 "resizable", FALSE, "title", "appsilo asks", NULL);
	w->title = ADW_WINDOW_TITLE(adw_window_title_new("appsilo asks", NULL));
	adw_header_bar_set_decoration_layout(ADW_HEADER_BAR(bar), ":close");
	adw_header_bar_set_title_widget(ADW_HEADER_BAR(bar), GTK_WIDGET(w->title));
	w->place = ADW_BIN(adw_bin_new());
	make_answers(w);
	set_margins(GTK_WIDGET(w->place), 18);
	set_margins(w->answers, 18);
	gtk_widget_set_margin_top(w->answers, 0);
	gtk_widget_set_size_request(GTK_WIDGET(w->place), WIDTH, -1);
	gtk_box_append(GTK_BOX(box), bar);
	gtk_box_append(GTK_BOX(box), GTK_WIDGET(w->place));
	gtk_box_append(GTK_BOX(box), w->answers);
	adw_window_set_content(ADW_WINDOW(w->window), box);
	listen_to_keys(w);
	g_signal_connect(w->window, "close-request", G_CALLBACK(on_close), w);
	g_signal_connect(w->window, "notify::is-active", G_CALLBACK(on_active), w);
	return w;
}

/* In the title, where it moves no button. */
static void show_waiting(struct prompt_window *w)
{
	char *text = w->q.waiting ? g_strdup_printf("%u more", w->q.waiting) : NULL;

	adw_window_title_set_subtitle(w->title, text ? text : "");
	g_free(text);
}

void prompt_window_set_waiting(struct prompt_window *w, int64_t id, unsigned int waiting)
{
	if (id != w->q.id)
		return;
	w->q.waiting = waiting;
	show_waiting(w);
}

void prompt_window_ask(struct prompt_window *w, struct question *q)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);
	char *heading;

	stop_timer(&w->linger_timer);
	question_done(&w->q);
	w->q = *q;
	*q = (struct question){0};
	prompt_view_fill(box, &w->q);
	prompt_choices_init(&w->choices, &w->q);
	gtk_box_append(GTK_BOX(box), w->choices.box);
	gtk_box_append(GTK_BOX(box), prompt_view_details(&w->q));
	adw_bin_set_child(w->place, box);
	gtk_widget_set_sensitive(GTK_WIDGET(w->place), TRUE);
	heading = prompt_view_heading(&w->q);
	gtk_accessible_update_property(GTK_ACCESSIBLE(w->window), GTK_ACCESSIBLE_PROPERTY_LABEL, heading, -1);
	gtk_accessible_update_property(GTK_ACCESSIBLE(w->no), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, heading, -1);
	g_free(heading);
	show_waiting(w);
	disarm(w);
	gtk_window_present(w->window);
}
