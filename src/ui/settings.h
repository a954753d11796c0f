/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings window: a list of pages at the left, one of them at the right. What pages share is
 * here; each page is a file. GTK's thread only. docs/ARCHITECTURE.md, Windows.
 */
#ifndef APPSILO_UI_SETTINGS_H
#define APPSILO_UI_SETTINGS_H

#include "ui/desk.h"
#include "ui/rules_model.h"
#include <adwaita.h>

struct settings;

/** Show the window; @app quits with it. */
void settings_open(AdwApplication *app, const struct package_places *places);

struct desk *settings_desk(const struct settings *settings);
GtkWindow *settings_window(const struct settings *settings);

/** Say one line at the foot of the window. */
void settings_say(struct settings *settings, const char *line);

/** Carry out @change; a failure is said. */
void settings_change(struct settings *settings, const struct rule_change *change);

/** Forget @row, and offer to take that back. */
void settings_remove(struct settings *settings, const struct snapshot_row *row);

/** Ask, and call @yes only when the person means it. @verb is on the button. */
void settings_confirm(struct settings *settings, const char *heading, const char *body, const char *verb,
		      void (*yes)(void *data), void *data, GDestroyNotify destroy);

/** Read again what is installed, and go to the first page. */
void settings_refresh(struct settings *settings);

/** Let the person choose a file or folder that @family, NULL: every app, may use from now on. */
void settings_grant(struct settings *settings, const char *family, bool folder);

/* Pages: widgets that are made when they are chosen. */
struct page {
	GtkWidget *widget;
	/* The store as it is now; NULL: nobody knows. May be NULL. */
	void (*show)(void *data, struct snapshot *snapshot);
	void *data; /* lives as long as the widget */
};

void rules_page_init(struct page *ret, struct settings *settings, enum rules_kind kind, const char *family);
void app_page_init(struct page *ret, struct settings *settings, const char *family);
void denials_page_init(struct page *ret, struct settings *settings);
void signers_page_init(struct page *ret, struct settings *settings);

#endif
