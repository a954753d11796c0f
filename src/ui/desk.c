/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/desk.h"

/* For what no watch tells: another file in the store's place, on any file system. */
#define LOOK_MS 2000
#define NEWS_MS 100

struct desk {
	const struct package_places *places;
	struct desk_events events;
	GFileMonitor *monitor;
	guint soon;   /* timer; 0: not running */
	bool loading, again;
	GMutex lock;  /* guards the rest, which threads use */
	struct store_file file;
};

struct load {
	struct snapshot *snapshot; /* NULL, without a problem: as it was */
	struct appsilo_error err;
};

static void load_free(gpointer data)
{
	struct load *l = data;

	snapshot_unref(l->snapshot);
	g_free(l);
}

static void load_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	struct load *l = g_new0(struct load, 1);
	struct desk *d = data;

	(void)source;
	(void)cancellable;
	g_mutex_lock(&d->lock);
	(void)!store_file_load(&d->file, &l->snapshot, &l->err); /* the line says it */
	g_mutex_unlock(&d->lock);
	g_task_return_pointer(task, l, load_free);
}

static void load_done(GObject *source, GAsyncResult *result, gpointer data)
{
	struct load *l = g_task_propagate_pointer(G_TASK(result), NULL);
	struct desk *d = data;

	(void)source;
	d->loading = false;
	if (l->snapshot || l->err.code)
		d->events.loaded(d->events.data, l->snapshot, l->err.code ? l->err.line : NULL);
	load_free(l);
	if (d->again) {
		d->again = false;
		desk_reload(d);
	}
}

static gboolean load(gpointer data)
{
	struct desk *d = data;
	GTask *task;

	d->soon = 0;
	if (d->loading) {
		d->again = true;
		return G_SOURCE_REMOVE;
	}
	d->loading = true;
	task = g_task_new(NULL, NULL, load_done, d);
	g_task_set_task_data(task, d, NULL);
	g_task_run_in_thread(task, load_thread);
	g_object_unref(task);
	return G_SOURCE_REMOVE;
}

void desk_reload(struct desk *d)
{
	if (!d->soon)
		d->soon = g_timeout_add(NEWS_MS, load, d);
}

static gboolean look(gpointer data)
{
	desk_reload(data);
	return G_SOURCE_CONTINUE;
}

struct desk *desk_new(const struct package_places *places, const struct desk_events *events)
{
	struct desk *d = g_new0(struct desk, 1);
	GFile *dir = g_file_new_for_path(places->user.data_dir);

	d->places = places;
	d->events = *events;
	store_file_init(&d->file, places->user.data_dir);
	g_mutex_init(&d->lock);
	d->monitor = g_file_monitor_directory(dir, G_FILE_MONITOR_NONE, NULL, NULL);
	if (d->monitor) {
		g_file_monitor_set_rate_limit(d->monitor, NEWS_MS);
		g_signal_connect_swapped(d->monitor, "changed", G_CALLBACK(desk_reload), d);
	}
	g_object_unref(dir);
	g_timeout_add(LOOK_MS, look, d);
	load(d);
	return d;
}

const struct package_places *desk_places(const struct desk *d)
{
	return d->places;
}

struct work {
	struct desk *desk;
	struct rule_change change; /* strings owned */
	void (*done)(void *data, const char *problem);
	void *data;
	struct appsilo_error err;
};

static void work_free(gpointer data)
{
	struct work *w = data;

	g_free((char *)w->change.family);
	g_free((char *)w->change.old.family);
	g_free((char *)w->change.old.what);
	g_free((char *)w->change.new.family);
	g_free((char *)w->change.new.what);
	g_free(w);
}

static void change_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	struct work *w = data;

	(void)source;
	(void)cancellable;
	g_mutex_lock(&w->desk->lock);
	g_task_return_int(task, store_file_change(&w->desk->file, &w->change, &w->err));
	g_mutex_unlock(&w->desk->lock);
}

static void change_done(GObject *source, GAsyncResult *result, gpointer data)
{
	struct work *w = g_task_get_task_data(G_TASK(result));
	gssize r = g_task_propagate_int(G_TASK(result), NULL);

	(void)source;
	(void)data;
	if (w->done)
		w->done(w->data, r < 0 ? w->err.line : NULL);
	desk_reload(w->desk);
}

void desk_change(struct desk *d, const struct rule_change *change,
		 void (*done)(void *data, const char *problem), void *data)
{
	GTask *task = g_task_new(NULL, NULL, change_done, NULL);
	struct work *w = g_new0(struct work, 1);

	w->desk = d;
	w->change = *change;
	w->change.family = g_strdup(change->family);
	w->change.old.family = g_strdup(change->old.family);
	w->change.old.what = g_strdup(change->old.what);
	w->change.new.family = g_strdup(change->new.family);
	w->change.new.what = g_strdup(change->new.what);
	w->done = done;
	w->data = data;
	g_task_set_task_data(task, w, work_free);
	g_task_run_in_thread(task, change_thread);
	g_object_unref(task);
}
