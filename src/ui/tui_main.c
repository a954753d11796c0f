/* SPDX-License-Identifier: Apache-2.0 */
/* appsilo-tui: settings on a terminal. A program of its own: no other maps curses. */
#include "base/log.h"
#include "cli/places.h"
#include "ui/tui.h"
#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

/* For what no watch tells: another file in the store's place. */
#define LOOK_MS 2000
#define ESCAPE_MS 25

/* 0: none that means anything here. */
static int read_key(int kind, wint_t c)
{
	static const struct {
		wint_t code;
		int key;
	} keys[] = {{KEY_UP, TUI_KEY_UP},     {KEY_DOWN, TUI_KEY_DOWN},	 {KEY_PPAGE, TUI_KEY_PAGE_UP},
		    {KEY_NPAGE, TUI_KEY_PAGE_DOWN}, {KEY_HOME, TUI_KEY_HOME},	 {KEY_END, TUI_KEY_END},
		    {KEY_BTAB, TUI_KEY_BACK_TAB}, {KEY_ENTER, TUI_KEY_ENTER}, {KEY_BACKSPACE, TUI_KEY_BACKSPACE}};

	for (size_t i = 0; kind == KEY_CODE_YES && i < ARRAY_SIZE(keys); i++)
		if (keys[i].code == c)
			return keys[i].key;
	if (kind == KEY_CODE_YES)
		return 0;
	return c == '\t'		? TUI_KEY_TAB
	       : c == '\n' || c == '\r' ? TUI_KEY_ENTER
	       : c == 27		? TUI_KEY_ESCAPE
	       : c == 127 || c == 8	? TUI_KEY_BACKSPACE
	       : c < ' '		? 0
					: (int)c;
}

/* Returns false when the terminal has gone. */
static bool take_keys(struct tui *t, bool utf8)
{
	bool any = false;
	wint_t c;

	for (int kind; !t->quit && (kind = get_wch(&c)) != ERR; any = true) {
		int key = read_key(kind, c);

		if (key != 0)
			tui_key(t, key);
		tui_draw(t, utf8); /* it says how long a page is */
	}
	return any;
}

static void drain(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

static void run(struct tui *t, bool utf8)
{
	int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = watch_fd, .events = POLLIN}};

	if (watch_fd >= 0)
		(void)inotify_add_watch(watch_fd, t->file.data_dir, IN_ATTRIB | IN_CREATE | IN_MOVED_TO | IN_DELETE);
	while (!t->quit) {
		int n;

		tui_draw(t, utf8);
		n = poll(fds, ARRAY_SIZE(fds), LOOK_MS);
		if (n > 0 && fds[1].revents)
			drain(watch_fd);
		if ((n < 0 || fds[0].revents) && !take_keys(t, utf8) && n > 0)
			break;
		if (n == 0 || (n > 0 && fds[1].revents))
			tui_look(t);
	}
	close_keep_errno(watch_fd);
}

int main(void)
{
	static struct places places; /* large */
	static struct tui t;
	struct appsilo_error err = {0};
	SCREEN *screen;
	bool utf8;

	if (places_find(&places, &err) < 0) {
		log_error("%s", err.line);
		return 1;
	}
	setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? newterm(NULL, stdout, stdin) : NULL;
	if (!screen) {
		log_error("settings: --tui needs a terminal that can be drawn on (TERM); use appsilo consents, grant, revoke and reset");
		return 1;
	}
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	tui_init(&t, &places);
	run(&t, utf8);
	endwin();
	delscreen(screen);
	tui_done(&t);
	return 0;
}
