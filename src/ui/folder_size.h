/* SPDX-License-Identifier: Apache-2.0 */
/* How much a folder holds, found out in a thread. GTK's thread only. */
#ifndef APPSILO_UI_FOLDER_SIZE_H
#define APPSILO_UI_FOLDER_SIZE_H

#include <gtk/gtk.h>

/** Write the size of all below @path under @row (an AdwActionRow), once it is known. */
void folder_size_show(GtkWidget *row, const char *path);

#endif
