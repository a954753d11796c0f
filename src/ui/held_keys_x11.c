/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/held_keys.h"

#include <X11/Xlib.h>
#include <gdk/x11/gdkx.h>

void held_keys_look(struct held_keys *keys, GtkWidget *widget)
{
	GdkDisplay *display = gtk_widget_get_display(widget);
	char bits[HELD_KEYS_MAX / 8];

	if (!GDK_IS_X11_DISPLAY(display))
		return;
	XQueryKeymap(gdk_x11_display_get_xdisplay(display), bits);
	for (int i = 0; i < HELD_KEYS_MAX; i++)
		if (bits[i / 8] & 1 << i % 8)
			keys->down[i] = true;
}
