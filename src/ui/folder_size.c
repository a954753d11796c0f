/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/folder_size.h"

#include <adwaita.h>
#include <stdbool.h>

static void measure(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GFile *folder = g_file_new_for_path(data);
	guint64 bytes = 0;
	bool known = g_file_measure_disk_usage(folder, G_FILE_MEASURE_NONE, NULL, NULL, NULL, &bytes, NULL, NULL, NULL);

	(void)source;
	(void)cancellable;
	g_object_unref(folder);
	g_task_return_pointer(task, known ? g_format_size(bytes) : g_strdup("none"), g_free);
}

static void measured(GObject *row, GAsyncResult *result, gpointer data)
{
	char *text = g_task_propagate_pointer(G_TASK(result), NULL);

	(void)data;
	adw_action_row_set_subtitle(ADW_ACTION_ROW(row), text);
	g_free(text);
}

void folder_size_show(GtkWidget *row, const char *path)
{
	GTask *task = g_task_new(row, NULL, measured, NULL);

	g_task_set_task_data(task, g_strdup(path), g_free);
	g_task_run_in_thread(task, measure);
	g_object_unref(task);
}
