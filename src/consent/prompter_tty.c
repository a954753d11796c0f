/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question on the person's own terminal. While it is open nothing of the app reaches
 * that terminal (CVE-2023-22499). Keys typed before the question, pasted text and escape
 * sequences never answer: input is flushed, must have been quiet for a while, and exactly
 * one byte arriving alone is a key; a key without a meaning is not an answer. What is shown
 * is made in question_text.c.
 */
#include "consent/prompt.h"

#include "base/fd.h"
#include "consent/question_text.h"
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define QUIET_MS 100
/* A second byte within this time: a paste or an escape sequence, not a key. */
#define ALONE_MS 20
/* How long an interrupted program is given to take its question back. */
#define INTERRUPT_MS 300

enum {
	KEY_GONE = -1,	    /* the terminal is gone */
	KEY_CANCELLED = -2, /* nobody waits for the answer any more */
	KEY_INTERRUPT = 3,
	KEY_END = 4,
	KEY_ESCAPE = 27,
	KEY_QUIT = 28,
};

struct tty_prompter {
	struct prompter base;
	int tty_fd; /* owned; non-blocking */
	struct terminal_hooks hooks;
};

/* Returns false when it cannot be shown: the terminal is gone, or nobody waits any more. */
static bool say(struct tty_prompter *p, const char *text, int cancel_fd)
{
	struct pollfd fds[2] = {{.fd = p->tty_fd, .events = POLLOUT},
				{.fd = cancel_fd, .events = POLLIN}};
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n;

		if (poll(fds, cancel_fd < 0 ? 1 : 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			return false;
		n = write(p->tty_fd, text, left);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		text += n > 0 ? n : 0;
		left -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Read what is there. Returns the number of bytes, the first in @ret; -1: gone. */
static ssize_t take_bytes(struct tty_prompter *p, unsigned char *ret)
{
	unsigned char bytes[4096];
	ssize_t n = read(p->tty_fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	*ret = bytes[0];
	return n;
}

/* Until nothing was typed for a while: whoever is typing or pasting is not answering this. */
static int wait_quiet(struct tty_prompter *p, int cancel_fd)
{
	struct pollfd fds[2] = {{.fd = p->tty_fd, .events = POLLIN},
				{.fd = cancel_fd, .events = POLLIN}};
	unsigned char first;

	for (;;) {
		int r = poll(fds, 2, QUIET_MS);

		if (r == 0)
			return 0;
		if (r > 0 && fds[1].revents)
			return KEY_CANCELLED;
		if (r > 0 && take_bytes(p, &first) < 0)
			return KEY_GONE;
	}
}

/* One key that came alone after quiet, or KEY_GONE, KEY_CANCELLED. */
static int read_key(struct tty_prompter *p, int cancel_fd)
{
	struct pollfd fds[2] = {{.fd = p->tty_fd, .events = POLLIN},
				{.fd = cancel_fd, .events = POLLIN}};
	int r = wait_quiet(p, cancel_fd);

	while (r == 0) {
		unsigned char key;
		ssize_t n;

		if (poll(fds, 2, -1) < 0)
			continue; /* EINTR; the terminal's end is seen below */
		if (fds[1].revents)
			return KEY_CANCELLED;
		n = take_bytes(p, &key);
		if (n < 0)
			return KEY_GONE;
		if (n == 1 && poll(fds, 1, ALONE_MS) == 0)
			return key;
		r = wait_quiet(p, cancel_fd);
	}
	return r;
}

static const char *answer_yes(const struct prompt_question *q, enum consent_scope scope,
			      enum consent_target target, struct prompt_answer *ret)
{
	*ret = (struct prompt_answer){.verdict = CONSENT_ALLOW,
				      .scope = scope,
				      .target = target,
				      .access = q->request.access};
	return scope == CONSENT_ONCE	  ? "yes, once"
	       : scope == CONSENT_SESSION ? "yes, until the program ends"
	       : q->host		  ? "yes, always"
	       : target != q->request.target ? "yes, always, all in this folder"
					     : "yes, always";
}

static const char *answer_any_port(const struct prompt_question *q, struct prompt_answer *ret)
{
	if (!q->host || !q->host->port)
		return NULL;
	(void)answer_yes(q, CONSENT_ALWAYS, CONSENT_FILE, ret);
	ret->any_port = true;
	return "yes, always, any port";
}

/* No is about this one thing, whatever is below or beside it. */
static const char *answer_no(const struct prompt_question *q, enum consent_scope scope,
			     struct prompt_answer *ret)
{
	*ret = (struct prompt_answer){.verdict = CONSENT_DENY,
				      .scope = scope,
				      .target = CONSENT_FILE,
				      .access = q->request.access};
	return scope == CONSENT_ONCE ? "no, once" : "no";
}

/* The words to show for @key's answer; NULL when it is none. */
static const char *take_key(int key, const struct prompt_question *q, struct prompt_answer *ret)
{
	switch (key) {
	case 'y':
	case 'Y':
		return answer_yes(q, CONSENT_ALWAYS, q->request.target, ret);
	case 'f':
	case 'F':
		return q->offer_folder ? answer_yes(q, CONSENT_ALWAYS, CONSENT_FOLDER, ret) : NULL;
	case 'a':
	case 'A':
		return answer_any_port(q, ret);
	case 's':
	case 'S':
		return answer_yes(q, CONSENT_SESSION, q->request.target, ret);
	case 'o':
	case 'O':
		return answer_yes(q, CONSENT_ONCE, CONSENT_FILE, ret);
	case 'n':
	case 'N':
	case '\r':
	case '\n':
		return answer_no(q, CONSENT_ALWAYS, ret);
	case 'd':
	case 'D':
		if (!q->offer_deny_all)
			return NULL;
		(void)answer_no(q, CONSENT_ONCE, ret);
		ret->deny_all = true;
		return "no to everything else";
	case 'q':
	case 'Q':
	case KEY_ESCAPE:
	case KEY_END:
	case KEY_INTERRUPT:
	case KEY_QUIT:
		return answer_no(q, CONSENT_ONCE, ret);
	default:
		return NULL;
	}
}

static void listen(struct tty_prompter *p, const struct prompt_question *q, int cancel_fd,
		   struct prompt_answer *ret)
{
	struct pollfd cancelled = {.fd = cancel_fd, .events = POLLIN};
	const char *words = NULL;
	int key = 0;

	while (!words) {
		key = read_key(p, cancel_fd);
		if (key == KEY_GONE || key == KEY_CANCELLED) {
			prompt_fail(ret, "%s", key == KEY_GONE ? "the terminal went away" : "");
			(void)say(p, "(not needed any more)\r\n", -1);
			return;
		}
		words = take_key(key, q, ret);
	}
	(void)say(p, words, -1); /* the answer counts, shown or not */
	(void)say(p, "\r\n", -1);
	if (key == KEY_INTERRUPT || key == KEY_QUIT) {
		p->hooks.interrupt(p->hooks.data, (char)key);
		/* The signal ends the wait of the program: better than an error it did not have. */
		(void)poll(&cancelled, 1, INTERRUPT_MS);
	}
}

static unsigned int columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void converse(struct tty_prompter *p, const struct prompt_question *q, int cancel_fd,
		     struct prompt_answer *ret)
{
	struct termios before, keys;
	cleanup_free char *text = NULL;

	/* A job in the background must not fight for the keyboard. */
	if (tcgetpgrp(p->tty_fd) != getpgrp()) {
		prompt_fail(ret, "the terminal belongs to another job; bring this one to the front");
		return;
	}
	if (tcgetattr(p->tty_fd, &before) < 0) {
		prompt_fail(ret, "the terminal went away");
		return;
	}
	text = question_text(q, columns(p->tty_fd));
	if (!text) {
		prompt_fail(ret, "the name is too long to show");
		return;
	}
	keys = before;
	cfmakeraw(&keys);
	/* The question's lines end as the terminal wants them, whatever was set. */
	keys.c_oflag |= OPOST | ONLCR;
	tcsetattr(p->tty_fd, TCSANOW, &keys);
	tcflush(p->tty_fd, TCIFLUSH);
	if (say(p, text, cancel_fd))
		listen(p, q, cancel_fd, ret);
	else
		prompt_fail(ret, "%s", "");
	tcsetattr(p->tty_fd, TCSANOW, &before);
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

	if (!p) {
		close_keep_errno(tty_fd);
		return NULL;
	}
	p->base.ask = ask;
	p->base.free = release;
	p->tty_fd = tty_fd;
	p->hooks = *hooks;
	return &p->base;
}
