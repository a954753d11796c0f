/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key that is held down when a question appears must not answer it. Keys that go down while
 * the window sees it are known; on X11 the server goes on repeating one that went down before,
 * so it is asked which are down (held_keys_x11.c). A Wayland window is sent no repeats.
 */
#ifndef APPSILO_UI_HELD_KEYS_H
#define APPSILO_UI_HELD_KEYS_H

#include <gtk/gtk.h>
#include <stdbool.h>

/* Of X11; keycodes above do not exist there. */
#define HELD_KEYS_MAX 256

struct held_keys {
	bool down[HELD_KEYS_MAX]; /* by keycode */
};

/** Mark the keys that are down now on the display of @widget, beside those marked. */
void held_keys_look(struct held_keys *keys, GtkWidget *widget);

#endif
