/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the settings window works with: the store, read and changed in threads of their own, so that
 * a store that is locked or large never stops the window, and what has happened to it. Created and
 * called in GTK's thread, where its answers come, too.
 */
#ifndef APPSILO_UI_DESK_H
#define APPSILO_UI_DESK_H

#include "cli/packages.h"
#include "ui/store_file.h"
#include <gio/gio.h>

struct desk;

struct desk_events {
	/* The store as it is now: @snapshot, or NULL and the line that says why there is none. */
	void (*loaded)(void *data, struct snapshot *snapshot, const char *problem);
	void *data;
};

/** @places is borrowed for ever. */
struct desk *desk_new(const struct package_places *places, const struct desk_events *events);

const struct package_places *desk_places(const struct desk *desk);

/** Read the store again, soon. It is read by itself when it changes. */
void desk_reload(struct desk *desk);

/** Strings of @change are copied. @done: @problem NULL when it was done. Then the store is read again. */
void desk_change(struct desk *desk, const struct rule_change *change,
		 void (*done)(void *data, const char *problem), void *data);

#endif
