/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/tui.h"

#include "base/text.h"
#include "consent/question_words.h"
#include "ui/rule_words.h"
#include <ncurses.h>
#include <string.h>
#include <wchar.h>

#define WORDS_WIDTH 21
#define APP_WIDTH 26
#define DAY_WIDTH 11
#define COLUMNS_MIN 40
#define LINES_MIN 9
#define WIDE_MAX (QUESTION_SHOWN_MAX + 4096)

struct pen {
	int lines, columns;
	bool utf8;
	wchar_t wide[WIDE_MAX];
	char text[WIDE_MAX];
};

/* @text for the terminal: without UTF-8, every byte above ASCII as \xNN. Returns its length. */
static size_t widen(struct pen *p, const char *text)
{
	size_t n = 0, used;
	uint32_t c;

	for (; *text && n + 5 < WIDE_MAX; text += used) {
		used = text_decode((const unsigned char *)text, strlen(text), &c);
		if (c < 0x80 || (p->utf8 && used)) {
			p->wide[n++] = (wchar_t)c;
			continue;
		}
		used = 1;
		n += (size_t)swprintf(p->wide + n, 5, L"\\x%02x", (unsigned char)*text);
	}
	return n;
}

static int width_of(const wchar_t *wide, size_t n)
{
	int width = 0;

	for (size_t i = 0; i < n; i++)
		width += wcwidth(wide[i]) > 0 ? wcwidth(wide[i]) : 0;
	return width;
}

/* Exactly @width columns: of a text that is longer, the middle goes. */
static void put(struct pen *p, int y, int x, int width, const char *text)
{
	size_t n = widen(p, text), head = 0, tail = n;

	if (width <= 0 || y < 0 || y >= p->lines)
		return;
	if (width_of(p->wide, n) > width) {
		while (width_of(p->wide, head + 1) <= (width - 1) / 2)
			head++;
		while (width_of(p->wide + tail - 1, n - tail + 1) <= width - 1 - width_of(p->wide, head))
			tail--;
		p->wide[head++] = p->utf8 ? L'\u2026' : L'~';
		wmemmove(p->wide + head, p->wide + tail, n - tail);
		n = head + n - tail;
	}
	mvhline(y, x, ' ', width);
	mvaddnwstr(y, x, p->wide, (int)n);
}

/* Escaped as in questions. */
static const char *shown(const char *text, char ret[QUESTION_SHOWN_MAX])
{
	return question_escape(text, strlen(text), ret, QUESTION_SHOWN_MAX) < 0 ? "(name too long to show)" : ret;
}

static const char *app_words(const char *family, char ret[QUESTION_SHOWN_MAX])
{
	return strcmp(family, CONSENT_ALL_FAMILIES) == 0 ? "every app" : shown(family, ret);
}

/* What is being written, or searched for. */
static const char *entry(const struct tui *t, char *text, size_t size)
{
	char app[QUESTION_SHOWN_MAX];
	bool searches = t->mode == TUI_SEARCH;

	if (t->mode == TUI_NEW || t->mode == TUI_NEW_MAY)
		snprintf(text, size, "%s for %.200s: %s%s", t->page == TUI_HOSTS ? "Host" : "Path", app_words(t->new_family, app),
			 t->new_what, t->mode == TUI_NEW ? "_" : "");
	else
		snprintf(text, size, "%s%s%s", *t->search || searches ? "Search: " : "", t->search, searches ? "_" : "");
	return text;
}

static void draw_head(struct pen *p, const struct tui *t)
{
	static const char *const names[] = {"1 Files", "2 Network", "3 Denials"};
	int x = 0;

	put(p, 0, 0, p->columns, "");
	for (int i = 0; i < TUI_PAGES; i++) {
		attrset(i == (int)t->page ? A_REVERSE | A_BOLD : A_NORMAL);
		snprintf(p->text, sizeof(p->text), " %s ", names[i]);
		put(p, 0, x, (int)strlen(p->text), p->text);
		x += (int)strlen(p->text) + 1;
	}
	attrset(A_DIM);
	put(p, 0, x, p->columns - x, "  appsilo settings");
	attrset(A_NORMAL);
	put(p, 1, 0, p->columns, entry(t, p->text, sizeof(p->text)));
}

static void draw_row(struct pen *p, int y, const char *words, const char *what, const char *family, const char *day)
{
	char text[QUESTION_SHOWN_MAX];
	int rest = p->columns - WORDS_WIDTH - DAY_WIDTH, app = rest > 2 * APP_WIDTH ? APP_WIDTH : 0;

	put(p, y, 0, WORDS_WIDTH, words);
	put(p, y, WORDS_WIDTH - 1, 1, " ");
	put(p, y, WORDS_WIDTH, rest - app - 1, shown(what, text));
	put(p, y, WORDS_WIDTH + rest - app - 1, 1, " ");
	put(p, y, WORDS_WIDTH + rest - app, app, app ? app_words(family, text) : "");
	put(p, y, WORDS_WIDTH + rest, DAY_WIDTH, "");
	put(p, y, WORDS_WIDTH + rest + 1, DAY_WIDTH - 1, day);
}

static const char *denial_words(const struct denial *d)
{
	return d->network ? "connect" : d->access == CONSENT_READ ? "read" : "change";
}

static void draw_list(struct pen *p, struct tui *t, int first, int lines)
{
	size_t count = tui_count(t);

	t->height = lines > 1 ? (size_t)lines : 1;
	if (t->selected < t->top)
		t->top = t->selected;
	if (t->selected >= t->top + t->height)
		t->top = t->selected - t->height + 1;
	for (int i = 0; i < lines; i++) {
		size_t at = t->top + (size_t)i;

		attrset(at == t->selected ? A_REVERSE : A_NORMAL);
		if (at >= count)
			break;
		if (t->page == TUI_DENIALS)
			draw_row(p, first + i, denial_words(&t->denials.list[at]), t->denials.list[at].what,
				 t->denials.list[at].family, "");
		else
			draw_row(p, first + i, rule_words_what(t->rows[at]), t->rows[at]->what, t->rows[at]->family,
				 t->rows[at]->last_used);
	}
	attrset(A_NORMAL);
	if (count == 0)
		put(p, first, 0, p->columns,
		    *t->problem ? "The decisions cannot be read:" : *t->search ? "Nothing found." : t->page == TUI_DENIALS
			? "Nothing was denied in the runs on record." : "Nothing was allowed or refused for good.");
	if (*t->problem)
		put(p, first + 1, 0, p->columns, t->problem);
}

static void facts(const struct tui *t, char *ret, size_t size)
{
	const struct snapshot_row *row = tui_row(t);
	const struct denial *d = tui_denial(t);
	char app[QUESTION_SHOWN_MAX], time[TEXT_TIME_SIZE];

	*ret = '\0';
	if (row)
		snprintf(ret, size, "%s%s, %s, %sZ, %s%s, %s", rule_words_what(row),
			 !row->network && row->target == CONSENT_FOLDER ? " with all in it" : "", rule_words_source(row),
			 text_time(row->time_ms, time), *row->last_used ? "last used " : "not used since", row->last_used,
			 app_words(row->family, app));
	if (d)
		snprintf(ret, size, "%s%s, %sZ, %s", denial_words(d), d->by_never_list ? ", always protected" : "",
			 text_time(d->time_ms, time), app_words(d->family, app));
}

/* The whole of what is selected, over as many lines as it takes: nothing of a name is left out.
 * Returns how many lines. */
static int draw_whole(struct pen *p, const struct tui *t, int bottom)
{
	const struct snapshot_row *row = tui_row(t);
	const struct denial *d = tui_denial(t);
	const char *what = row ? row->what : d ? d->what : "";
	size_t n, from = 0;
	int lines, y;

	n = widen(p, shown(what, p->text));
	lines = width_of(p->wide, n) / (p->columns - 1) + 1;
	if (lines > p->lines / 2) {
		n = widen(p, "(too long for this terminal; see appsilo consents --json)");
		lines = 1;
	}
	y = bottom - lines;
	mvhline(y, 0, 0, p->columns);
	for (int i = 1; i <= lines; i++) {
		size_t length = 0;

		while (from + length < n && width_of(p->wide + from, length + 1) < p->columns)
			length++;
		mvaddnwstr(y + i, 0, p->wide + from, (int)length);
		from += length;
	}
	return lines + 1;
}

static const char *keys_of(const struct tui *t, char *text, size_t size)
{
	const struct snapshot_row *row = tui_row(t);
	char app[QUESTION_SHOWN_MAX];

	switch (t->mode) {
	case TUI_SEARCH:
		return "Enter done  Esc no search";
	case TUI_NEW:
		return t->page == TUI_HOSTS ? "HOST[:PORT], Enter go on  Esc leave it" : "a whole path, or from ~/  Enter go on  Esc leave it";
	case TUI_CHANGE:
	case TUI_NEW_MAY:
		return t->page == TUI_HOSTS ? "a allow  n refuse  Esc leave it" : "n no access  r read  w read and change  Esc leave it";
	case TUI_RESET:
		snprintf(text, size, "Forget all decisions of %s?  y yes  any other key no", row ? app_words(row->family, app) : "?");
		return text;
	case TUI_HELP:
	case TUI_LIST:
		break;
	}
	return t->page == TUI_DENIALS ? "a allow from now on  Tab page  ? help  q quit"
				      : "d remove  u undo  c change  n new  r reset app  / search  Tab page  ? help  q quit";
}

static void draw_help(struct pen *p)
{
	static const char *const lines[] = {
		"Up Down PgUp PgDn Home End, j k g G  choose",
		"Tab, 1 2 3                       files, network, recent denials",
		"d                                remove the decision: the app asks again",
		"u                                take the last removal back",
		"c                                change what it may",
		"n                                add a path or host to what its app may, or may not",
		"r                                forget all decisions of its app",
		"a                                of a denial: allow it from now on",
		"/                                search in paths, hosts and names of apps",
		"q                                quit",
		"",
		"What is decided elsewhere shows by itself. For other apps: appsilo grant.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		put(p, 2 + (int)i, 0, p->columns, lines[i]);
}

void tui_draw(struct tui *t, bool utf8)
{
	static struct pen p; /* large */
	int used;

	p.utf8 = utf8;
	getmaxyx(stdscr, p.lines, p.columns);
	erase();
	attrset(A_NORMAL);
	if (p.columns < COLUMNS_MIN || p.lines < LINES_MIN) {
		put(&p, 0, 0, p.columns, "The terminal is too small.");
		refresh();
		return;
	}
	draw_head(&p, t);
	facts(t, p.text, sizeof(p.text));
	put(&p, p.lines - 3, 0, p.columns, p.text);
	used = draw_whole(&p, t, p.lines - 4);
	if (t->mode == TUI_HELP)
		draw_help(&p);
	else
		draw_list(&p, t, 2, p.lines - 5 - used);
	put(&p, p.lines - 2, 0, p.columns, t->said);
	attrset(A_BOLD);
	put(&p, p.lines - 1, 0, p.columns - 1, keys_of(t, p.text, sizeof(p.text)));
	attrset(A_NORMAL);
	refresh();
}
