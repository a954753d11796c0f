/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/report.h"

#include "base/json.h"
#include "base/shell.h"
#include "base/text.h"
#include "manifest/names.h"
#include "profile/stack.h"
#include <limits.h>
#include <string.h>

#define SHOWN_MAX (4 * PATH_MAX + 4)

static void put_quoted(const char *word, FILE *out)
{
	char quoted[SHELL_QUOTED_SIZE(PATH_MAX)];

	if (shell_quote_shown(word, quoted, sizeof(quoted)) == 0)
		fputs(quoted, out);
}

static void put_shown(const char *text, FILE *out)
{
	char shown[SHOWN_MAX];

	fputs(text_show(text, shown, sizeof(shown)), out);
}

/* Words that attempts.c quoted; in a file that came from elsewhere they could be anything. */
static void put_words(const char *words, FILE *out)
{
	fputs(shell_is_quoted(words) ? words : "(left out: not as written by appsilo)", out);
}

static void put_option(enum need_kind kind, const char *path, FILE *out)
{
	fprintf(out, " --allow-%s ", need_word(kind));
	put_quoted(path, out);
}

static void put_modes(const struct needs *n, FILE *out)
{
	if (n->client || n->private)
		fprintf(out, " --net %s%s%s", n->client ? "client" : "", n->client && n->private ? "," : "",
			n->private ? "private" : "");
}

static bool is_start(const struct attempt *a)
{
	return a->kind == ATTEMPT_RUN && strcmp(a->operation, "start") == 0;
}

/* The first start of exactly these words in this place? */
static bool is_first(const struct records *r, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (is_start(&r->list[k]) && strcmp(r->list[k].path, r->list[i].path) == 0 &&
		    strcmp(r->list[k].allow, r->list[i].allow) == 0)
			return false;
	return true;
}

static void put_run_line(const struct report *r, const struct attempt *start, FILE *out)
{
	fputs("cd ", out);
	put_quoted(start->path, out);
	fputs(" && appsilo run --prompt never", out);
	put_modes(r->needs, out);
	for (size_t i = 0; i < r->needs->n; i++)
		put_option(r->needs->list[i].kind, r->needs->list[i].path, out);
	for (size_t i = 0; i < r->needs->n_hosts; i++) {
		fputs(" --allow-host ", out);
		put_quoted(r->needs->hosts[i].text, out);
	}
	fputc(' ', out);
	put_words(start->allow, out);
	fputc('\n', out);
}

static void put_grant(const struct report *r, const struct need *need, FILE *out)
{
	fprintf(out, "appsilo grant -p ");
	put_quoted(r->family, out);
	fprintf(out, " --%s%s ", need->kind == NEED_WRITE ? "write" : "read", need->folder ? "" : " --file");
	put_quoted(need->path, out);
	fputc('\n', out);
}

/* Does the manifest open it? */
static bool is_declared(const struct need *need)
{
	return need->capability || need->system_path;
}

void report_commands(const struct report *r, FILE *out)
{
	if (r->package) {
		for (size_t i = 0; i < r->needs->n; i++)
			if (!is_declared(&r->needs->list[i]))
				put_grant(r, &r->needs->list[i], out);
		return;
	}
	for (size_t i = 0; i < r->records->n; i++)
		if (is_start(&r->records->list[i]) && is_first(r->records, i))
			put_run_line(r, &r->records->list[i], out);
}

static size_t add_capability(const char *name, const char *ret[REPORT_CAPABILITIES_MAX], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(ret[i], name) == 0)
			return n;
	if (n < REPORT_CAPABILITIES_MAX)
		ret[n++] = name;
	return n;
}

size_t report_capabilities(const struct report *r, const char *ret[REPORT_CAPABILITIES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < r->needs->n; i++)
		if (r->needs->list[i].capability)
			n = add_capability(r->needs->list[i].capability, ret, n);
	if (r->needs->client)
		n = add_capability(CAPABILITY_CLIENT, ret, n);
	if (r->needs->private)
		n = add_capability(CAPABILITY_PRIVATE, ret, n);
	return n;
}

bool report_could_prompt(const struct report *r)
{
	for (size_t i = 0; i < r->needs->n; i++)
		if (!is_declared(&r->needs->list[i]))
			return true;
	return false;
}

const char *report_reason(const struct attempt *a)
{
	static const struct {
		const char *source, *words;
	} table[] = {
		{"never-list", "on the never list"},
		{"rule", "a rule refuses it"},
		{"loopback", "a port of this machine"},
		{"metadata", "a metadata service of a cloud, which nothing opens"},
		{"unusable", "no single machine has this address"},
		{"rebinding", "the name leads into a private network or to this machine"},
		{"proxy", "only the proxy of --proxy is reached"},
		{"no-name", "no name at all"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(a->source, table[i].source) == 0)
			return table[i].words;
	return "refused";
}

/* Refused once before, in whatever run? */
static bool was_refused(const struct needs *n, size_t i)
{
	const struct attempt *a = n->refused[i];

	for (size_t k = 0; k < i; k++)
		if (strcmp(n->refused[k]->path, a->path) == 0 && strcmp(n->refused[k]->host, a->host) == 0 &&
		    n->refused[k]->port == a->port && n->refused[k]->access == a->access)
			return true;
	return false;
}

static void put_heading(const struct report *r, FILE *out)
{
	size_t runs = 0, accesses = 0, dropped = 0, folded = 0;

	for (size_t i = 0; i < r->records->n; i++) {
		runs += is_start(&r->records->list[i]);
		dropped += r->records->list[i].kind == ATTEMPT_RUN &&
			   strcmp(r->records->list[i].operation, "overflow") == 0;
		folded += r->records->list[i].kind == ATTEMPT_RUN &&
			  strcmp(r->records->list[i].operation, "folded") == 0;
		accesses += r->records->list[i].kind != ATTEMPT_RUN;
	}
	fprintf(out, "Profile of ");
	put_shown(r->family, out);
	fprintf(out, ": %zu run%s, %zu access%s that no rule allowed\n", runs, runs == 1 ? "" : "s",
		accesses, accesses == 1 ? "" : "es");
	if (folded)
		fprintf(out, "In %zu folder%s, let through as a whole, only the first accesses are listed.\n", folded,
			folded == 1 ? "" : "s");
	if (dropped)
		fprintf(out, "In %zu of the runs there were more accesses than a profile holds: not all are here.\n",
			dropped);
}

/* Who asked. */
static void put_stack(const char *stack, FILE *out)
{
	struct stack_frame frames[STACK_SHOWN];
	char words[STACK_WORDS_MAX];
	size_t n = stack_pick(stack, frames);

	for (size_t i = 0; i < n; i++) {
		fprintf(out, i ? "           from " : "         by ");
		put_shown(stack_words(&frames[i], words), out);
		fputc('\n', out);
	}
}

static void put_needs(const struct report *r, FILE *out)
{
	const struct needs *n = r->needs;

	fprintf(out, "\nIt needs:\n");
	for (size_t i = 0; i < n->n; i++) {
		const struct need *need = &n->list[i];

		fprintf(out, "  %-6s ", need_word(need->kind));
		put_shown(need->path, out);
		fprintf(out, "%s (%zu)\n", need->folder ? " and all below" : "", need->accesses);
		if (need->caution)
			fprintf(out, "         caution: %s\n", need->caution);
		put_stack(need->stack, out);
	}
	for (size_t i = 0; i < n->n_hosts; i++) {
		fprintf(out, "  host   %s (%zu)\n", n->hosts[i].text, n->hosts[i].accesses);
		put_stack(n->hosts[i].stack, out);
	}
	if (n->client)
		fprintf(out, "  %zu hosts of the internet: " CAPABILITY_CLIENT "\n", n->client);
	if (n->private)
		fprintf(out, "  %zu hosts of private networks: " CAPABILITY_PRIVATE "\n", n->private);
	if (n->n + n->n_hosts + n->client + n->private == 0)
		fprintf(out, "  nothing but what it has\n");
}

static void put_refused(const struct report *r, FILE *out)
{
	const struct needs *n = r->needs;

	if (n->n_refused > 0)
		fprintf(out, "\nRefused, and not proposed (what would allow it, if it has to be):\n");
	for (size_t i = 0; i < n->n_refused; i++) {
		const struct attempt *a = n->refused[i];

		if (was_refused(n, i))
			continue;
		fprintf(out, "  ");
		put_shown(a->operation, out);
		fputc(' ', out);
		put_shown(a->kind == ATTEMPT_FILE ? a->path : a->host, out);
		if (a->port)
			fprintf(out, " port %u", a->port);
		fprintf(out, ": %s\n", report_reason(a));
		if (*a->allow) {
			fprintf(out, "         ");
			put_words(a->allow, out);
			fputc('\n', out);
		}
		put_stack(a->stack, out);
	}
}

static void put_manifest(const struct report *r, FILE *out)
{
	const char *names[REPORT_CAPABILITIES_MAX];
	size_t n = report_capabilities(r, names);

	if (!r->package)
		return;
	fprintf(out, "\nCapabilities for its manifest:\n");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %s\n", names[i]);
	for (size_t i = 0; i < r->needs->n_hosts; i++)
		fprintf(out, "  AllowHost %s\n", r->needs->hosts[i].text);
	for (size_t i = 0; i < r->needs->n; i++)
		if (r->needs->list[i].system_path && ++n) {
			fprintf(out, "  SystemPath ");
			put_shown(r->needs->list[i].path, out);
			fputc('\n', out);
		}
	if (n + r->needs->n_hosts == 0)
		fprintf(out, "  none\n");
	if (r->manifest) {
		fprintf(out, "They were written to ");
		put_shown(r->manifest, out);
		fprintf(out, "\n");
	}
	if (report_could_prompt(r))
		fprintf(out, "No capability opens the files above. Grant them, or let the program ask: "
			     CAPABILITY_PROMPT "\n");
}

void report_summary(const struct report *r, FILE *out)
{
	bool lines = r->package ? report_could_prompt(r) : r->records->n > 0;

	put_heading(r, out);
	put_needs(r, out);
	put_manifest(r, out);
	if (lines)
		fprintf(out, r->package ? "\nTo grant the rest:\n" : "\nTo run it with no question:\n");
	if (lines)
		report_commands(r, out);
	put_refused(r, out);
}

void report_readme(const struct report *r, FILE *out)
{
	put_heading(r, out);
	fprintf(out,
		"\n" RECORDS_FILE "\n    Each access that no rule allowed, one a line: when, which run and program, the\n"
		"    operation, the path or host, whether it was let through, why, and what would allow it.\n"
		"    Names are escaped: \\xNN is a byte that does not show, \\\\ a backslash. A run with --stacks\n"
		"    also says which functions asked, the innermost first.\n"
		REPORT_SUMMARY "\n    What was found out, and the lines to copy into a shell.\n");
	if (r->manifest) {
		put_shown(r->manifest, out);
		fprintf(out, "\n    The manifest with the capabilities found. Those that touch what is private are marked by\n"
			     "    a comment; the right to ask (" CAPABILITY_PROMPT ") stands in a comment only.\n");
	}
	fprintf(out,
		"\nA profile knows what was tried: run the program the way it will be used, and put profiles of\n"
		"several runs together with appsilo profile merge. Look at each line before it is granted: a\n"
		"program that was made to spy reads more than it needs. Attributes (size, times) of files that\n"
		"nothing else was done with are not recorded; they stay masked.\n"
		"\nWhere a run recorded with --allow worked and one with the lines of the summary does not, see\n"
		"appsilo why. See appsilo-profile(1).\n");
}
