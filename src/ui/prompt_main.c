/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/prompt_main.h"

#include "base/fd.h"
#include "consent/prompt.h"
#include "isolation/close_others.h"
#include "ui/prompt_guard.h"
#include "ui/prompt_window.h"
#include "ui/shown.h"
#include <adwaita.h>
#include <glib-unix.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

struct prompting {
	GMainLoop *loop;
	struct prompt_window *window; /* made with the first question */
	char line[PROMPT_LINE_MAX];
	size_t used;
	int exit_code;
};

/* A window, and nothing else: no right that it might have inherited, nothing for others to look
 * into, and no program it might start that has more. */
static int give_up_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct no_rights[2] = {0};
	const struct rlimit none = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &header, no_rights) < 0)
		return -errno;
	close_others(NULL, 0);
	return 0;
}

static void stop(struct prompting *p, int exit_code)
{
	p->exit_code = exit_code;
	g_main_loop_quit(p->loop);
}

static void answered(void *data, const struct question *q, const struct answer *answer)
{
	struct prompting *p = data;
	char line[256];
	int n = question_answer(q, answer, line, sizeof(line));

	if (n < 0 || fd_write_all(STDOUT_FILENO, line, (size_t)n) < 0)
		stop(p, 1); /* without an answer, and gone, is a No */
}

/* What is no question is the broker's mistake, or somebody else's: neither is answered. */
static bool take_line(struct prompting *p, size_t length)
{
	struct question q;
	int64_t waiting_id;

	if (question_read(p->line, length, &q, &waiting_id) < 0)
		return false;
	if (!p->window)
		p->window = prompt_window_new(answered, p);
	if (waiting_id)
		prompt_window_set_waiting(p->window, waiting_id, q.waiting);
	else
		prompt_window_ask(p->window, &q);
	return true;
}

static gboolean on_input(int fd, GIOCondition condition, gpointer data)
{
	struct prompting *p = data;
	ssize_t n = read(fd, p->line + p->used, sizeof(p->line) - p->used);
	char *end;

	(void)condition;
	if (n < 0 && errno == EINTR)
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		stop(p, 0);
		return G_SOURCE_REMOVE;
	}
	p->used += (size_t)n;
	while ((end = memchr(p->line, '\n', p->used))) {
		size_t length = (size_t)(end - p->line);

		if (!take_line(p, length)) {
			stop(p, 1);
			return G_SOURCE_REMOVE;
		}
		p->used -= length + 1;
		memmove(p->line, end + 1, p->used);
	}
	if (p->used < sizeof(p->line))
		return G_SOURCE_CONTINUE;
	stop(p, 1);
	return G_SOURCE_REMOVE;
}

int prompt_main(void)
{
	struct prompting *p = g_new0(struct prompting, 1);

	if (give_up_rights() < 0 || prompt_guard_files() < 0)
		return 125;
	/* No graphics driver is loaded for a few labels: quicker, and less that could be attacked. */
	g_setenv("GSK_RENDERER", "cairo", TRUE);
	if (!gtk_init_check()) {
		fprintf(stderr, "appsilo: the display does not answer; use --prompt tty\n");
		return 125;
	}
	adw_init();
	shown_style();
	if (prompt_guard_calls() < 0)
		return 125;
	p->loop = g_main_loop_new(NULL, FALSE);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, p);
	g_main_loop_run(p->loop);
	return p->exit_code;
}
