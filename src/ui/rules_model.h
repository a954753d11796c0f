/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a snapshot as a list for GTK, by app, kind and search words. Objects are made when GTK
 * asks for one, so a hundred thousand rows cost what is on the screen. GTK's thread only.
 */
#ifndef APPSILO_UI_RULES_MODEL_H
#define APPSILO_UI_RULES_MODEL_H

#include "ui/snapshot.h"
#include <gio/gio.h>

#define RULES_TYPE_MODEL (rules_model_get_type())
G_DECLARE_FINAL_TYPE(RulesModel, rules_model, RULES, MODEL, GObject)

#define RULES_TYPE_ITEM (rules_item_get_type())
G_DECLARE_FINAL_TYPE(RulesItem, rules_item, RULES, ITEM, GObject)

enum rules_kind {
	RULES_FILES,
	RULES_HOSTS,
	RULES_ALL,
};

/** @family NULL: of every app; else of it alone. */
RulesModel *rules_model_new(enum rules_kind kind, const char *family);

/** Show rows of @snapshot, NULL: none. What stays the same stays where it is on the screen. */
void rules_model_set_snapshot(RulesModel *model, struct snapshot *snapshot);

/** Only rows with @words, whatever their case, in the path, host or app. */
void rules_model_search(RulesModel *model, const char *words);

/** Borrowed for the item's life. */
const struct snapshot_row *rules_item_row(RulesItem *item);

#endif
