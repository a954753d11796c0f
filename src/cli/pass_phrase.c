/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pass_phrase.h"

#include "base/text.h"
#include <fcntl.h>
#include <openssl/ui.h>
#include <string.h>
#include <termios.h>

#define NEW_MIN 4 /* characters of a new pass phrase */

int pass_phrase_fd(const char *value, struct appsilo_error *err)
{
	char *end;
	long fd;

	errno = 0;
	fd = strtol(value, &end, 10);
	if (errno || *end || end == value || fd < 0 || fd > 65535 || fcntl((int)fd, F_GETFD) < 0)
		return error_say(err, -EINVAL, "--pass-fd: give the number of an open descriptor");
	return (int)fd;
}

static int read_line(int fd, char ret[PASS_PHRASE_MAX], struct appsilo_error *err)
{
	size_t n = 0;

	for (;;) {
		ssize_t r = read(fd, ret + n, 1);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return error_set(err, -errno, "--pass-fd");
		if (r == 0 || ret[n] == '\n')
			break;
		if (++n == PASS_PHRASE_MAX)
			return error_say(err, -E2BIG, "--pass-fd: the pass phrase is too long");
	}
	ret[n] = '\0';
	return strlen(ret) == n ? 0
				: error_say(err, -EINVAL, "--pass-fd: a pass phrase has no NUL in it");
}

/* The terminal, with its echo off before the question is shown: an answer that is there at once
 * is not shown either. */
struct quiet {
	int fd;
	struct termios before;
};

static void quiet_done(struct quiet *q)
{
	if (q->fd >= 0)
		(void)tcsetattr(q->fd, TCSADRAIN, &q->before); /* nothing is left to do about it */
	close_keep_errno(q->fd);
}

static bool quiet_open(struct quiet *q)
{
	struct termios silent;

	q->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (q->fd < 0 || tcgetattr(q->fd, &q->before) < 0) {
		close_keep_errno(TAKE_FD(q->fd));
		return false;
	}
	silent = q->before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	return tcsetattr(q->fd, TCSADRAIN, &silent) == 0;
}

static int read_terminal(const char *path, bool anew, char ret[PASS_PHRASE_MAX],
			 struct appsilo_error *err)
{
	cleanup(quiet_done) struct quiet quiet = {.fd = -EBADF};
	char prompt[600], shown[512], again[PASS_PHRASE_MAX] = "";
	/* Without a terminal the library would read standard input, meant for another. */
	UI *ui = quiet_open(&quiet) ? UI_new() : NULL;
	int least = anew ? NEW_MIN : 0, r = -1;

	text_show(path, shown, sizeof(shown));
	if (!ui)
		return error_say(err, -ENXIO, "%s: a pass phrase is needed and there is no terminal; "
				 "use --pass-fd", shown);
	snprintf(prompt, sizeof(prompt), "Pass phrase of %s: ", shown);
	if (UI_add_input_string(ui, prompt, 0, ret, least, PASS_PHRASE_MAX - 1) > 0 &&
	    (!anew || UI_add_verify_string(ui, prompt, 0, again, least, PASS_PHRASE_MAX - 1, ret) > 0))
		r = UI_process(ui);
	UI_free(ui);
	explicit_bzero(again, sizeof(again));
	return r == 0 ? 0
		      : error_say(err, -ECANCELED, "%s: no pass phrase was given%s", shown,
				  anew ? " (at least 4 characters, twice the same)" : "");
}

int pass_phrase_ask(void *data, const char *path, char ret[PASS_PHRASE_MAX],
		    struct appsilo_error *err)
{
	const struct pass_wish *wish = data;
	int r;

	if (wish->fd < 0)
		return read_terminal(path, wish->anew, ret, err);
	r = read_line(wish->fd, ret, err);
	if (r == 0 && wish->anew && strlen(ret) < NEW_MIN)
		r = error_say(err, -EINVAL, "--pass-fd: a pass phrase has at least %d characters", NEW_MIN);
	return r;
}
