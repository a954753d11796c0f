/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings on a terminal, for machines without a display: the decisions of the window (store_file.h,
 * denials.h) as a list that keys work on. What is shown is in tui_draw.c, what keys do in tui.c; only
 * tui_draw.c and tui_main.c know curses. One thread.
 */
#ifndef APPSILO_UI_TUI_H
#define APPSILO_UI_TUI_H

#include "cli/places.h"
#include "ui/denials.h"
#include "ui/store_file.h"
#include <limits.h>

enum tui_page { TUI_FILES, TUI_HOSTS, TUI_DENIALS, TUI_PAGES };

/* What the next key is for. */
enum tui_mode { TUI_LIST, TUI_SEARCH, TUI_CHANGE, TUI_RESET, TUI_HELP, TUI_NEW /* what it is about */, TUI_NEW_MAY };

/* Keys that are no letters. */
enum tui_key {
	TUI_KEY_UP = -100,
	TUI_KEY_DOWN,
	TUI_KEY_PAGE_UP,
	TUI_KEY_PAGE_DOWN,
	TUI_KEY_HOME,
	TUI_KEY_END,
	TUI_KEY_TAB,
	TUI_KEY_BACK_TAB,
	TUI_KEY_ENTER,
	TUI_KEY_ESCAPE,
	TUI_KEY_BACKSPACE,
};

struct tui {
	const struct places *user; /* borrowed */
	struct store_file file;
	struct snapshot *snapshot; /* owned; NULL: the store cannot be read */
	char problem[ERROR_LINE_MAX]; /* why */
	struct denials denials;
	enum tui_page page;
	enum tui_mode mode;
	const struct snapshot_row **rows; /* owned: of the page that is shown, TUI_DENIALS aside */
	size_t n;
	size_t selected, top; /* of the list that is shown */
	size_t height;	      /* lines that the list has; tui_draw.c says it */
	char search[256];
	char *new_family; /* owned; of TUI_NEW */
	char new_what[PATH_MAX];
	char said[ERROR_LINE_MAX + 64]; /* about what was done last */
	struct snapshot_row removed; /* the last that was; strings owned; family NULL: none */
	bool quit;
};

/** Read what there is. @user is borrowed. */
void tui_init(struct tui *tui, const struct places *user);
void tui_done(struct tui *tui);

/** Has the store changed? Then what is shown is what it holds now, and the same decision is selected. */
void tui_look(struct tui *tui);

/** @key a character (Unicode) or of enum tui_key. */
void tui_key(struct tui *tui, int key);

/** Of the list that is shown. */
size_t tui_count(const struct tui *tui);

/** The decision that is selected; NULL: none, or it is a denial. */
const struct snapshot_row *tui_row(const struct tui *tui);
const struct denial *tui_denial(const struct tui *tui);

/** Draw all of it. @utf8: whether the terminal shows more than ASCII. */
void tui_draw(struct tui *tui, bool utf8);

#endif
