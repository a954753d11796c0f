/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/question_text.h"

#include "base/path.h"
#include "base/text.h"
#include "consent/question_words.h"
#include <limits.h>
#include <string.h>

/* Where two columns of choices fit. */
#define WIDE_COLUMNS 66

/*
 * Undo what the app may have done to the terminal: a half sequence (CAN, ST), VT52 mode,
 * margins and the scroll region (setting them moves the cursor: it is kept), origin, insert
 * and reverse modes, colours and their palette, line drawing, an invisible cursor, no wrapping,
 * mouse reports; then a fresh line. Terminals ignore what they do not know.
 */
static const char plain_terminal[] =
	"\030\033\\\033<\0337\033[?69l\033[r\0338\033[4l\033[20l\033[?5l\033[0m\017\033(B"
	"\033]104\033\\\033]110\033\\\033]111\033\\"
	"\033[?25h\033[?7h\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?2004l";

struct style {
	bool sequences;
	const char *head, *warn, *strong, *faint, *off, *rule;
};

static bool is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

static bool speaks_utf8(void)
{
	const char *value = is_set("LC_ALL")	 ? getenv("LC_ALL")
			    : is_set("LC_CTYPE") ? getenv("LC_CTYPE")
						 : getenv("LANG");

	return value && (strcasestr(value, "utf-8") || strcasestr(value, "utf8"));
}

static struct style pick_style(void)
{
	static const struct style coloured = {true,	  "\033[1;33m", "\033[1;31m", "\033[1m",
					      "\033[2m", "\033[0m",    "──"};
	static const struct style plain = {false, "", "", "", "", "", "--"};
	bool dumb = !is_set("TERM") || strcmp(getenv("TERM"), "dumb") == 0;
	struct style s = dumb || is_set("NO_COLOR") ? plain : coloured;

	s.sequences = !dumb;
	s.rule = speaks_utf8() ? coloured.rule : plain.rule;
	return s;
}

/* Folder dimmed, name bold. */
static int write_path(FILE *f, const struct style *s, const char *path)
{
	char folder[4 * PATH_MAX], name[4 * PATH_MAX];
	const char *base = path_base(path);
	int r = question_escape(path, (size_t)(base - path), folder, sizeof(folder));

	if (r == 0)
		r = question_escape(base, strlen(base), name, sizeof(name));
	if (r == 0)
		fprintf(f, "    %s%s%s%s%s%s\n", s->faint, folder, s->off, s->strong, name, s->off);
	return r;
}

static void write_command(FILE *f, const struct style *s, pid_t pid)
{
	char shown[QUESTION_COMMAND_MAX];

	if (question_command(pid, shown, sizeof(shown)) == 0)
		fprintf(f, "    %s%s%s\n", s->faint, shown, s->off);
}

/* A host is letters, digits, dots and colons; it is escaped all the same. */
static int write_host(FILE *f, const struct style *s, const struct consent_host_request *r)
{
	char host[1024], port[16] = "";
	int n = question_escape(r->host, strlen(r->host), host, sizeof(host));

	if (n < 0)
		return n;
	if (r->port)
		snprintf(port, sizeof(port), " port %u", r->port);
	fprintf(f, "    %s%s%s%s", s->strong, host, s->off, port);
	if (r->address)
		fprintf(f, " %s(%s%s%s)%s", s->faint, r->protocol,
			strcmp(r->address, r->host) == 0 ? "" : ", now ",
			strcmp(r->address, r->host) == 0 ? "" : r->address, s->off);
	fputc('\n', f);
	return 0;
}

static void write_host_choices(FILE *f, const struct prompt_question *q)
{
	if (q->host->port) {
		fprintf(f, "  y  yes, always, this host and port\n");
		fprintf(f, "  a  yes, always, this host, any port\n");
	} else {
		fprintf(f, "  y  yes, always, this host, any port\n");
	}
}

static void write_file_choices(FILE *f, const struct style *s, const struct prompt_question *q)
{
	const char *strong = q->siblings >= 2 ? s->strong : "";

	fprintf(f, "  y  yes, always, %s\n",
		q->request.target == CONSENT_FOLDER	       ? "and all in it"
		: strcmp(q->request.operation, "mkdir") == 0 ? "this folder itself"
							       : "this file");
	if (q->offer_folder)
		fprintf(f, "  f  yes, always, %sall in this folder%s\n", strong, *strong ? s->off : "");
	if (q->offer_folder && q->folder_has_git)
		fprintf(f, "     (with .git: hooks in it run outside)\n");
}

static void write_choices(FILE *f, const struct style *s, const struct prompt_question *q,
			  unsigned int columns)
{
	const char *between = columns >= WIDE_COLUMNS ? "      " : "\n";

	if (q->host)
		write_host_choices(f, q);
	else
		write_file_choices(f, s, q);
	fprintf(f, "  s  yes, until the program ends%s  o  yes, only this once\n", between);
	fprintf(f, "  n  no, and remember it%s%s  q  no, only this once\n", between,
		columns >= WIDE_COLUMNS ? "        " : "");
	if (q->offer_deny_all)
		fprintf(f, "  %sd  no to everything else of this run%s\n", s->strong, s->off);
	fprintf(f, "  %s[No]%s ? ", s->strong, s->off);
}

static int write_question(FILE *f, const struct prompt_question *q, unsigned int columns)
{
	struct style s = pick_style();
	char app[1024], real[4 * PATH_MAX];
	int r;

	if (s.sequences)
		fputs(plain_terminal, f);
	fprintf(f, "\n%s%s appsilo %s%s %s%s%s wants to %s:\n", s.head, s.rule, s.rule, s.off, s.strong,
		text_show(q->app, app, sizeof(app)), s.off,
		q->host ? question_host_operation(q->host) : question_operation(&q->request));
	r = q->host ? write_host(f, &s, q->host) : write_path(f, &s, q->request.path);
	if (r == 0)
		r = question_escape(q->real, strlen(q->real), real, sizeof(real));
	if (r < 0)
		return r;
	fprintf(f, "    %sprogram %s (%s)", s.faint, real, q->package);
	if (q->request.pid > 0)
		fprintf(f, ", pid %d", (int)q->request.pid);
	fprintf(f, "%s\n", s.off);
	if (q->request.pid > 0)
		write_command(f, &s, q->request.pid);
	if (q->caution)
		fprintf(f, "  %scareful:%s %s\n", s.warn, s.off, q->caution);
	write_choices(f, &s, q, columns);
	return 0;
}

char *question_text(const struct prompt_question *q, unsigned int columns)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int r = f ? write_question(f, q, columns) : -ENOMEM;

	if (f && fclose(f) != 0)
		r = -ENOMEM;
	if (r < 0)
		free(TAKE_PTR(text));
	return text;
}
