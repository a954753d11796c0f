/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/tui.h"

#include "base/clock.h"
#include "base/text.h"
#include "ui/new_rule.h"
#include "ui/rule_words.h"
#include <stdarg.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void say(struct tui *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(t->said, sizeof(t->said), format, args);
	va_end(args);
}

size_t tui_count(const struct tui *t)
{
	return t->page == TUI_DENIALS ? t->denials.n : t->n;
}

const struct snapshot_row *tui_row(const struct tui *t)
{
	return t->page != TUI_DENIALS && t->selected < t->n ? t->rows[t->selected] : NULL;
}

const struct denial *tui_denial(const struct tui *t)
{
	return t->page == TUI_DENIALS && t->selected < t->denials.n ? &t->denials.list[t->selected] : NULL;
}

/* Which rows are shown, as page and search have it. */
static void choose_rows(struct tui *t)
{
	size_t n = snapshot_size(t->snapshot);

	free(t->rows);
	t->rows = calloc(n + 1, sizeof(*t->rows));
	t->n = 0;
	for (size_t i = 0; t->rows && i < n; i++) {
		const struct snapshot_row *row = snapshot_row(t->snapshot, i);

		if (row->network == (t->page == TUI_HOSTS) && rule_words_match(row, *t->search ? t->search : NULL))
			t->rows[t->n++] = row;
	}
}

static void select_row(struct tui *t, int64_t id, bool network)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i]->id == id && t->rows[i]->network == network) {
			t->selected = i;
			return;
		}
	if (t->selected >= tui_count(t))
		t->selected = tui_count(t) ? tui_count(t) - 1 : 0;
}

void tui_look(struct tui *t)
{
	const struct snapshot_row *row = tui_row(t);
	int64_t id = row ? row->id : -1;
	bool network = row && row->network;
	struct snapshot *fresh;
	struct appsilo_error err = {0};
	int r = store_file_load(&t->file, &fresh, &err);

	if (r == 0 && !fresh)
		return;
	snprintf(t->problem, sizeof(t->problem), "%s", r < 0 ? err.line : "");
	/* What cannot be read is not shown as it was. */
	snapshot_unref(t->snapshot);
	t->snapshot = fresh;
	choose_rows(t);
	select_row(t, id, network);
	/* A question on the screen was about what has changed. */
	if (t->mode == TUI_CHANGE || t->mode == TUI_RESET)
		t->mode = TUI_LIST;
}

static void turn_to(struct tui *t, enum tui_page page)
{
	t->page = page;
	t->selected = t->top = 0;
	if (page == TUI_DENIALS) {
		denials_done(&t->denials);
		denials_load(t->file.data_dir, &t->denials);
	}
	choose_rows(t);
}

static bool change(struct tui *t, const struct rule_change *c)
{
	struct appsilo_error err = {0};
	int r = store_file_change(&t->file, c, &err);

	if (r < 0)
		say(t, "%s", err.line);
	tui_look(t);
	return r == 0;
}

static void forget_removed(struct tui *t)
{
	free((char *)t->removed.family);
	free((char *)t->removed.what);
	t->removed = (struct snapshot_row){0};
}

static void remove_row(struct tui *t)
{
	const struct snapshot_row *row = tui_row(t);
	struct rule_change c = {.kind = RULE_REPLACE, .has_old = true};
	struct snapshot_row kept;

	if (!row)
		return;
	kept = c.old = *row;
	kept.family = strdup(row->family);
	kept.what = strdup(row->what);
	if (kept.family && kept.what && change(t, &c)) {
		forget_removed(t);
		t->removed = kept;
		say(t, "Removed; the app asks again at its next access. u takes it back.");
		return;
	}
	free((char *)kept.family);
	free((char *)kept.what);
}

static void undo(struct tui *t)
{
	const struct rule_change c = {.kind = RULE_RESTORE, .has_new = true, .new = t->removed};

	if (!t->removed.family)
		say(t, "There is nothing to take back.");
	else if (change(t, &c)) {
		forget_removed(t);
		say(t, "It is as it was.");
	}
}

static void allow(struct tui *t)
{
	const struct denial *d = tui_denial(t);
	struct rule_change c;

	if (!d)
		return;
	if (d->by_never_list) {
		say(t, "This place is always protected; see appsilo grant --override-never.");
		return;
	}
	c = denials_allow(d);
	if (change(t, &c))
		say(t, "Allowed from now on.");
}

/* What it may: a path nothing, be read, be changed; a host be reached or not. */
static bool is_answer(int key, bool network)
{
	return key == 'n' || (network ? key == 'a' : key == 'r' || key == 'w');
}

/* A key of TUI_CHANGE. */
static void change_row(struct tui *t, int key)
{
	const struct snapshot_row *row = tui_row(t);
	struct rule_change c = {.kind = RULE_REPLACE, .has_old = true, .has_new = true};

	t->mode = TUI_LIST;
	if (!row || !is_answer(key, row->network)) {
		say(t, "Nothing was changed.");
		return;
	}
	c.old = c.new = *row;
	c.new.verdict = key == 'n' ? CONSENT_DENY : CONSENT_ALLOW;
	c.new.access = key == 'w' ? CONSENT_WRITE : CONSENT_READ;
	c.new.source = CONSENT_FROM_GRANT;
	c.new.time_ms = clock_realtime_ms();
	if (change(t, &c))
		say(t, "Changed. What is open stays open until it is closed.");
}

/* A key of TUI_RESET. */
static void reset(struct tui *t, int key)
{
	const struct snapshot_row *row = tui_row(t);
	const struct rule_change c = {.kind = RULE_RESET, .family = row ? row->family : ""};

	t->mode = TUI_LIST;
	if (!row || key != 'y')
		say(t, "Nothing was forgotten.");
	else if (change(t, &c))
		say(t, "Its decisions are forgotten; it asks again.");
}

static void move(struct tui *t, long by)
{
	size_t count = tui_count(t);

	if (by < 0)
		t->selected = t->selected < (size_t)-by ? 0 : t->selected - (size_t)-by;
	else
		t->selected += (size_t)by;
	if (t->selected >= count)
		t->selected = count ? count - 1 : 0;
}

/* One more character, or one less. */
static void edit(char *text, size_t size, int key)
{
	size_t n = strlen(text);

	if (key == TUI_KEY_BACKSPACE) {
		while (n > 0 && ((unsigned char)text[--n] & 0xc0) == 0x80)
			;
	} else if (key >= ' ' && n + 5 < size) {
		n += text_encode((uint32_t)key, text + n);
	}
	text[n] = '\0';
}

static void search_key(struct tui *t, int key)
{
	if (key == TUI_KEY_ENTER || key == TUI_KEY_ESCAPE)
		t->mode = TUI_LIST;
	if (key == TUI_KEY_ENTER)
		return;
	if (key == TUI_KEY_ESCAPE)
		*t->search = '\0';
	else
		edit(t->search, sizeof(t->search), key);
	t->selected = t->top = 0;
	choose_rows(t);
}

static void begin_new(struct tui *t)
{
	const struct snapshot_row *row = tui_row(t);

	free(t->new_family);
	t->new_family = row ? strdup(row->family) : NULL;
	*t->new_what = '\0';
	if (t->new_family)
		t->mode = TUI_NEW;
	else
		say(t, "n adds to what the app of the chosen decision may; there is none. See appsilo grant.");
}

static void new_key(struct tui *t, int key)
{
	if (key == TUI_KEY_ESCAPE)
		t->mode = TUI_LIST;
	else if (key != TUI_KEY_ENTER)
		edit(t->new_what, sizeof(t->new_what), key);
	else if (*t->new_what)
		t->mode = TUI_NEW_MAY;
}

/* A key of TUI_NEW_MAY. */
static void add_new(struct tui *t, int key)
{
	enum consent_verdict verdict = key == 'n' ? CONSENT_DENY : CONSENT_ALLOW;
	bool host = t->page == TUI_HOSTS;
	char buffer[PATH_MAX];
	struct rule_change c;
	struct appsilo_error err = {0};
	int r;

	t->mode = TUI_LIST;
	if (!is_answer(key, host)) {
		say(t, "Nothing was added.");
		return;
	}
	r = host ? new_rule_host(t->new_what, verdict, buffer, &c, &err)
		 : new_rule_path(t->user, t->new_what, key == 'w' ? CONSENT_WRITE : CONSENT_READ, verdict, buffer, &c, &err);
	if (r < 0) {
		say(t, "%s", err.line);
		t->mode = TUI_NEW; /* to be mended */
		return;
	}
	c.new.family = t->new_family;
	if (change(t, &c))
		say(t, "Added.");
}

static void begin(struct tui *t, enum tui_mode mode)
{
	if (tui_row(t))
		t->mode = mode;
}

static bool move_key(struct tui *t, int key)
{
	const struct {
		int key;
		long by;
	} moves[] = {{TUI_KEY_UP, -1},	 {'k', -1}, {TUI_KEY_DOWN, 1}, {'j', 1}, {TUI_KEY_PAGE_UP, -(long)t->height},
		     {TUI_KEY_PAGE_DOWN, (long)t->height}, {TUI_KEY_HOME, -(1L << 40)}, {'g', -(1L << 40)}, {TUI_KEY_END, 1L << 40}, {'G', 1L << 40}};

	for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].key == key) {
			move(t, moves[i].by);
			return true;
		}
	return false;
}

static void list_key(struct tui *t, int key)
{
	if (move_key(t, key))
		return;
	if (key >= '1' && key < '1' + TUI_PAGES)
		turn_to(t, (enum tui_page)(key - '1'));
	else if (key == TUI_KEY_TAB)
		turn_to(t, (t->page + 1) % TUI_PAGES);
	else if (key == TUI_KEY_BACK_TAB)
		turn_to(t, (t->page + TUI_PAGES - 1) % TUI_PAGES);
	else if (key == '/' && t->page != TUI_DENIALS)
		t->mode = TUI_SEARCH;
	else if (key == 'd')
		remove_row(t);
	else if (key == 'u')
		undo(t);
	else if (key == 'c')
		begin(t, TUI_CHANGE);
	else if (key == 'n' && t->page != TUI_DENIALS)
		begin_new(t);
	else if (key == 'r')
		begin(t, TUI_RESET);
	else if (key == 'a')
		allow(t);
	else if (key == '?')
		t->mode = TUI_HELP;
	t->quit = key == 'q';
}

void tui_key(struct tui *t, int key)
{
	*t->said = '\0';
	switch (t->mode) {
	case TUI_LIST:
		list_key(t, key);
		break;
	case TUI_SEARCH:
		search_key(t, key);
		break;
	case TUI_CHANGE:
		change_row(t, key);
		break;
	case TUI_RESET:
		reset(t, key);
		break;
	case TUI_NEW:
		new_key(t, key);
		break;
	case TUI_NEW_MAY:
		add_new(t, key);
		break;
	case TUI_HELP:
		t->mode = TUI_LIST;
		break;
	}
}

void tui_init(struct tui *t, const struct places *user)
{
	*t = (struct tui){.height = 1, .user = user};
	store_file_init(&t->file, user->data_dir);
	tui_look(t);
}

void tui_done(struct tui *t)
{
	forget_removed(t);
	free(t->new_family);
	free(t->rows);
	denials_done(&t->denials);
	snapshot_unref(t->snapshot);
	store_file_done(&t->file);
}
