/* SPDX-License-Identifier: Apache-2.0 */
/* GTK without X11. */
#include "ui/held_keys.h"

void held_keys_look(struct held_keys *keys, GtkWidget *widget)
{
	(void)keys;
	(void)widget;
}
