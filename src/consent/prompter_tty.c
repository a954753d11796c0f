/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question on the person's own terminal. While it is open nothing of the app reaches
 * that terminal (CVE-2023-22499). Keys typed before the question, pasted text and escape
 * sequences never answer: input is flushed, must have been quiet for a while, and exactly
 * one byte arriving alone is a key. Every byte of a name is shown, escaped.
 */
#include "consent/prompt.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <termios.h>

#define QUIET_MS 100

struct tty_prompter {
	struct prompter base;
	int tty_fd; /* owned */
	struct terminal_hooks hooks;
};

static void say(struct tty_prompter *p, const char *format, ...) printf_like(2, 3);

static void say(struct tty_prompter *p, const char *format, ...)
{
	char text[6 * PATH_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* A terminal that cannot be written to cannot be asked on: no key will come. */
	if (n > 0)
		(void)!fd_write_all(p->tty_fd, text,
				    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static const char *operation_words(const struct consent_request *r)
{
	static const struct {
		const char *operation, *words;
	} table[] = {
		{"list", "list this folder and read what is in it"},
		{"execute", "run this program"},
		{"create", "create this file"},
		{"truncate", "empty and rewrite this file"},
		{"rename", "rename or replace this"},
		{"unlink", "delete this file"},
		{"rmdir", "delete this folder"},
		{"mkdir", "create this folder"},
		{"mknod", "create this file"},
		{"link", "give this file a second name"},
		{"symlink", "create this link"},
		{"chmod", "change the permissions of this"},
		{"chown", "change the owner of this"},
		{"utimens", "change the times of this"},
		{"setxattr", "change the attributes of this"},
		{"removexattr", "change the attributes of this"},
		{"start", "start in this folder and read what is in it"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(r->operation, table[i].operation) == 0)
			return table[i].words;
	if (r->access == CONSENT_WRITE)
		return r->exists ? "change this file" : "create this file";
	return "read this file";
}

/* Folder dimmed, name bold; escaped, never cut: a name too long to show is refused. */
static bool show_path(struct tty_prompter *p, const char *path)
{
	char folder[4 * PATH_MAX], name[4 * PATH_MAX];
	const char *base = path_base(path);

	if (text_escape(path, (size_t)(base - path), folder, sizeof(folder)) < 0 ||
	    text_escape(base, strlen(base), name, sizeof(name)) < 0)
		return false;
	say(p, "    \033[2m%s\033[0m\033[1m%s\033[0m\n", folder, name);
	return true;
}

static void asker(const struct prompt_question *q, char *ret, size_t size)
{
	char path[48], raw[512] = "", shown[2048];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)q->request.pid);
	n = fd_read_file(AT_FDCWD, path, raw, sizeof(raw));
	for (ssize_t i = 0; i < n - 1; i++)
		if (raw[i] == '\0')
			raw[i] = ' ';
	snprintf(ret, size, "%s", n > 0 ? text_show(raw, shown, sizeof(shown)) : "");
	if (strlen(ret) > 100)
		strcpy(ret + 97, "...");
}

static bool draw(struct tty_prompter *p, const struct prompt_question *q)
{
	bool folder = q->request.target == CONSENT_FOLDER;
	const char *what = folder ? "folder" : "file";
	char command[2048], app[256], real[4 * PATH_MAX];

	asker(q, command, sizeof(command));
	/* Undo what the app may have left: a half sequence (CAN, ST), the scroll region (the
	 * cursor is kept: setting it moves it), colours, line drawing, an invisible cursor, no
	 * wrapping; then a fresh line. */
	say(p, "\030\033\\\0337\033[r\0338\033[0m\033(B\033[?25h\033[?7h\n");
	say(p, "\033[1;33m── appsilo ──\033[0m \033[1m%s\033[0m wants to %s:\n",
	    text_show(q->app, app, sizeof(app)), operation_words(&q->request));
	if (!show_path(p, q->request.path))
		return false;
	say(p, "    \033[2mprogram %s (%s), pid %d\033[0m\n",
	    text_show(q->real, real, sizeof(real)), q->package, (int)q->request.pid);
	if (*command)
		say(p, "    \033[2m%s\033[0m\n", command);
	say(p, "  y  yes, always, this %s%s\n", what, folder ? " and all in it" : "");
	if (!folder)
		say(p, "  f  yes, always, %sthe whole folder and all in it%s\n",
		    q->siblings >= 2 ? "\033[1m" : "", q->siblings >= 2 ? "\033[0m" : "");
	say(p, "  s  yes, until the program ends      o  yes, only this once\n");
	say(p, "  n  no, and remember it              q  no, only this once\n");
	if (q->offer_deny_all)
		say(p, "  d  no to everything else of this run\n");
	say(p, "  \033[1m[No]\033[0m ? ");
	return true;
}

/* One key that came alone after quiet. Returns the byte; 0 when cancelled or gone. */
static int read_key(struct tty_prompter *p, int cancel_fd)
{
	struct pollfd fds[2] = {{.fd = p->tty_fd, .events = POLLIN},
				{.fd = cancel_fd, .events = POLLIN}};
	unsigned char bytes[256];
	ssize_t n;

	tcflush(p->tty_fd, TCIFLUSH);
	/* Quiet first: whoever is typing or pasting is not answering this. */
	while (poll(fds, 1, QUIET_MS) > 0)
		if (read(p->tty_fd, bytes, sizeof(bytes)) <= 0)
			return 0;
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 0;
		if (fds[1].revents)
			return 0;
		if (!fds[0].revents)
			continue;
		n = read(p->tty_fd, bytes, sizeof(bytes));
		if (n <= 0)
			return 0;
		/* A second byte right behind the first: a paste or an escape sequence. */
		if (n == 1 && poll(fds, 1, 20) == 0)
			return bytes[0];
		while (poll(fds, 1, QUIET_MS) > 0)
			if (read(p->tty_fd, bytes, sizeof(bytes)) <= 0)
				return 0;
	}
}

static const char *take_key(int key, const struct prompt_question *q, struct prompt_answer *ret)
{
	bool folder = q->request.target == CONSENT_FOLDER;

	*ret = (struct prompt_answer){
		.verdict = CONSENT_DENY,
		.scope = CONSENT_ALWAYS,
		.target = CONSENT_FILE, /* No is about this one thing; a yes widens it below */
		.access = q->request.access,
	};
	switch (key) {
	case 'f':
	case 'F':
		if (folder)
			break;
		ret->target = CONSENT_FOLDER;
		ret->verdict = CONSENT_ALLOW;
		return "yes, the whole folder";
	case 'y':
	case 'Y':
		ret->target = q->request.target;
		ret->verdict = CONSENT_ALLOW;
		return "yes, always";
	case 's':
	case 'S':
		ret->target = q->request.target;
		ret->verdict = CONSENT_ALLOW;
		ret->scope = CONSENT_SESSION;
		return "yes, until it ends";
	case 'o':
	case 'O':
		ret->verdict = CONSENT_ALLOW;
		ret->scope = CONSENT_ONCE;
		return "yes, once";
	case 'd':
	case 'D':
		ret->deny_all = q->offer_deny_all;
		ret->scope = CONSENT_ONCE;
		return ret->deny_all ? "no to everything" : "no, once";
	case 'q':
	case 'Q':
	case 3: /* Ctrl-C */
		ret->scope = CONSENT_ONCE;
		return "no, once";
	case 0:
		prompt_fail(ret, "the terminal went away");
		return "";
	default:
		break;
	}
	return "no";
}

static void converse(struct tty_prompter *p, const struct prompt_question *q, int cancel_fd,
		     struct prompt_answer *ret)
{
	struct termios before, keys;

	/* A job in the background must not fight for the keyboard. */
	if (tcgetpgrp(p->tty_fd) != getpgrp()) {
		prompt_fail(ret, "the terminal belongs to another job; bring this one to the front");
		return;
	}
	if (tcgetattr(p->tty_fd, &before) < 0) {
		prompt_fail(ret, "the terminal went away");
		return;
	}
	keys = before;
	cfmakeraw(&keys);
	keys.c_oflag = before.c_oflag;
	tcsetattr(p->tty_fd, TCSADRAIN, &keys);
	if (draw(p, q)) {
		say(p, "%s\n", take_key(read_key(p, cancel_fd), q, ret));
	} else {
		say(p, "    (a name too long to show: refused)\n");
		prompt_fail(ret, "the name is too long to show");
	}
	tcsetattr(p->tty_fd, TCSADRAIN, &before);
}

static void ask(struct prompter *base, const struct prompt_question *q, int cancel_fd,
		struct prompt_answer *ret)
{
	struct tty_prompter *p = (struct tty_prompter *)base;

	p->hooks.take(p->hooks.data);
	converse(p, q, cancel_fd, ret);
	p->hooks.release(p->hooks.data);
}

static void release(struct prompter *base)
{
	struct tty_prompter *p = (struct tty_prompter *)base;

	close_keep_errno(p->tty_fd);
	free(p);
}

struct prompter *prompter_tty_new(int tty_fd, const struct terminal_hooks *hooks)
{
	struct tty_prompter *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base.ask = ask;
	p->base.free = release;
	p->tty_fd = tty_fd;
	p->hooks = *hooks;
	return &p->base;
}
