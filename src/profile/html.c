/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page: HTML, a style sheet and two pictures as SVG, in one file. No scripts at all, and the
 * page's own policy forbids them, and every request: what a hostile program named its files is
 * text, whatever it looks like.
 */
#include "profile/report.h"

#include "base/text.h"
#include "page_css.h"
#include "profile/stack.h"
#include "profile/tree_map.h"
#include <limits.h>
#include <string.h>
#include <time.h>

#define WIDTH 1000.0
#define MAP_HEIGHT 520.0
#define LANE_HEIGHT 26.0
#define LANES_MAX 24
#define POINTS_MAX 4000
#define ROWS_MAX 500
/* Of the letters in a picture, 11 pixels high. */
#define LETTER_WIDTH 6.7

/* Text of whatever origin: what does not show is escaped, then what HTML would take for its own. */
static void put_length(const char *text, size_t letters, FILE *out)
{
	cleanup_free char *shown = malloc(4 * strlen(text) + 1);
	size_t n;
	uint32_t c;

	if (!shown || text_escape(text, strlen(text), shown, 4 * strlen(text) + 1) < 0)
		return;
	for (const char *p = shown; *p; p += n) {
		n = text_decode((const unsigned char *)p, strlen(p), &c);
		if (letters-- == 0) {
			fputs("\u2026", out);
			return;
		}
		if (*p == '&')
			fputs("&amp;", out);
		else if (*p == '<')
			fputs("&lt;", out);
		else if (*p == '>')
			fputs("&gt;", out);
		else if (*p == '"')
			fputs("&quot;", out);
		else if (*p == '\'')
			fputs("&#39;", out);
		else
			fwrite(p, 1, n, out);
	}
}

static void put(const char *text, FILE *out)
{
	put_length(text, SIZE_MAX, out);
}

static void put_head(const struct report *r, FILE *out)
{
	size_t runs = 0, accesses = 0;

	for (size_t i = 0; i < r->records->n; i++) {
		runs += r->records->list[i].kind == ATTEMPT_RUN && strcmp(r->records->list[i].operation, "start") == 0;
		accesses += r->records->list[i].kind != ATTEMPT_RUN;
	}
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Profile of ", out);
	put(r->family, out);
	fputs("</title>\n<style>\n", out);
	fwrite(page_css, 1, page_css_size, out);
	fputs("</style>\n<h1>", out);
	put(r->family, out);
	fprintf(out, "</h1>\n<p>%zu run%s, %zu access%s that no rule allowed.</p>\n", runs, runs == 1 ? "" : "s",
		accesses, accesses == 1 ? "" : "es");
}

/* Who asked; all of it once it is opened. */
static void put_stack(const char *stack, FILE *out)
{
	struct stack_frame frames[STACK_SHOWN];
	char words[STACK_WORDS_MAX];

	if (stack_pick(stack, frames) == 0)
		return;
	fputs("<details><summary>by ", out);
	put(stack_words(&frames[0], words), out);
	fputs("</summary><ol>", out);
	for (const char *at = stack; at && stack_next(&at, &frames[0]) == 0;) {
		fputs("<li>", out);
		put(stack_words(&frames[0], words), out);
	}
	fputs("</ol></details>", out);
}

static void put_need_rows(const struct needs *n, FILE *out)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct need *need = &n->list[i];

		fprintf(out, "<tr><td>%s<td class=path>", need_word(need->kind));
		put(need->path, out);
		fputs(need->folder ? " and all below" : "", out);
		if (need->caution)
			fprintf(out, "<br><span class=caution>%s</span>", need->caution);
		put_stack(need->stack, out);
		fprintf(out, "<td class=number>%zu<td>%s\n", need->accesses, need->capability ? need->capability : "");
	}
	for (size_t i = 0; i < n->n_hosts; i++) {
		fputs("<tr><td>host<td class=path>", out);
		put(n->hosts[i].text, out);
		put_stack(n->hosts[i].stack, out);
		fprintf(out, "<td class=number>%zu<td>", n->hosts[i].accesses);
		put(n->hosts[i].capability ? n->hosts[i].capability : "", out);
		fputc('\n', out);
	}
}

static void put_needs(const struct report *r, FILE *out)
{
	const struct needs *n = r->needs;
	const char *names[REPORT_CAPABILITIES_MAX];
	size_t count = report_capabilities(r, names);

	fputs("<h2>What it needs</h2>\n", out);
	if (n->n + n->n_hosts + n->client + n->private == 0) {
		fputs("<p>Nothing but what it has.</p>\n", out);
		return;
	}
	fputs("<table><tr><th>access<th>path or host<th>seen<th>capability\n", out);
	put_need_rows(n, out);
	fputs("</table>\n", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s%s", i ? ", " : "<p>Capabilities: ", names[i], i + 1 == count ? "</p>\n" : "");
}

static int put_commands(const struct report *r, FILE *out)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *lines = open_memstream(&text, &size);

	if (!lines)
		return -ENOMEM;
	report_commands(r, lines);
	if (fclose(lines) != 0)
		return -ENOMEM;
	if (size == 0)
		return 0;
	fprintf(out, "<h2>%s</h2>\n<pre>", r->package ? "To grant what its manifest does not open" : "To run it with no question");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		/* Backslashes are the shell's here: the words show already. */
		for (char *at = line; *at;) {
			size_t n = strcspn(at, "\\");
			cleanup_free char *part = strndup(at, n);

			put(part ? part : "", out);
			at += n;
			if (*at == '\\') {
				fputc('\\', out);
				at++;
			}
		}
		fputc('\n', out);
	}
	fputs("</pre>\n", out);
	return 0;
}

static const char *class_of(bool written, bool refused)
{
	return refused ? "refused" : written ? "write" : "read";
}

static void put_rect(const struct tree_rect *rect, FILE *out)
{
	size_t letters = (size_t)(rect->width / LETTER_WIDTH);

	fprintf(out, "<g><rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/><title>",
		rect->folder ? "folder" : class_of(rect->written, rect->refused), rect->x, rect->y, rect->width,
		rect->height);
	put(rect->path, out);
	fprintf(out, " (%zu access%s)</title>", rect->accesses, rect->accesses == 1 ? "" : "es");
	if (letters > 3 && rect->height > 13) {
		fprintf(out, "<text x=\"%.1f\" y=\"%.1f\">", rect->x + 3, rect->y + 12);
		put_length(rect->path + rect->label, letters - 2, out);
		fputs("</text>", out);
	}
	fputs("</g>\n", out);
}

static const char key[] =
	"<p class=key><span><b class=read></b>read or listed</span><span><b class=write></b>changed</span>"
	"<span><b class=host></b>host</span><span><b class=refused></b>refused, and not proposed</span></p>\n";

static int put_map(const struct report *r, FILE *out)
{
	struct tree_map map;
	int code = tree_map_make(r->records, WIDTH, MAP_HEIGHT, &map);

	if (code < 0 || map.n == 0)
		return code < 0 ? code : (tree_map_done(&map), 0);
	fprintf(out, "<h2>What was touched</h2>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
		     "aria-label=\"files and folders by number of accesses\">\n", WIDTH, MAP_HEIGHT);
	for (size_t i = 0; i < map.n; i++)
		put_rect(&map.list[i], out);
	fprintf(out, "</svg>\n%s", key);
	tree_map_done(&map);
	return 0;
}

struct lane {
	const char *run;
	int64_t start_ms;
};

static void put_point(const struct attempt *a, int lane, int64_t after_ms, int64_t longest_ms, FILE *out)
{
	double x = 10 + (WIDTH - 20) * (double)after_ms / (double)longest_ms;
	bool refused = strcmp(a->source, "no-rule") != 0;

	fprintf(out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>%.3f s: ",
		a->kind == ATTEMPT_NETWORK && !refused ? "host" : class_of(a->access == CONSENT_WRITE, refused), x,
		LANE_HEIGHT * (lane + 0.65), (double)after_ms / 1000);
	put(a->operation, out);
	fputc(' ', out);
	put(a->kind == ATTEMPT_FILE ? a->path : a->host, out);
	if (a->port)
		fprintf(out, " port %u", a->port);
	fprintf(out, ", %s</title></circle>\n", a->allowed ? "let through" : "denied");
}

/* Each run in its lane, from its own start on. Records are sorted by time: a start comes first. */
static int find_lanes(const struct records *r, struct lane lanes[LANES_MAX], int64_t *ret_longest_ms)
{
	int n = 0;

	*ret_longest_ms = 1;
	for (size_t i = 0; i < r->n; i++) {
		const struct attempt *a = &r->list[i];
		int lane = 0;

		while (lane < n && strcmp(lanes[lane].run, a->run) != 0)
			lane++;
		if (lane == n && n < LANES_MAX)
			lanes[n++] = (struct lane){a->run, a->time_ms};
		if (lane < n && a->time_ms - lanes[lane].start_ms > *ret_longest_ms)
			*ret_longest_ms = a->time_ms - lanes[lane].start_ms;
	}
	return n;
}

static void put_times(const struct report *r, FILE *out)
{
	struct lane lanes[LANES_MAX];
	int64_t longest_ms;
	int n = find_lanes(r->records, lanes, &longest_ms);
	size_t points = 0;

	if (n == 0)
		return;
	fprintf(out, "<h2>When</h2>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"accesses over time\">\n", WIDTH,
		LANE_HEIGHT * n + 20);
	for (int i = 0; i < n; i++) {
		fprintf(out, "<line x1=\"10\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/><text x=\"10\" y=\"%.1f\">", WIDTH - 10,
			LANE_HEIGHT * (i + 0.65), LANE_HEIGHT * (i + 0.65), LANE_HEIGHT * (i + 0.4));
		put(lanes[i].run, out);
		fputs("</text>\n", out);
	}
	for (size_t i = 0; i < r->records->n && points < POINTS_MAX; i++) {
		const struct attempt *a = &r->records->list[i];
		int lane = 0;

		while (lane < n && strcmp(lanes[lane].run, a->run) != 0)
			lane++;
		if (lane == n || a->kind == ATTEMPT_RUN)
			continue;
		put_point(a, lane, a->time_ms - lanes[lane].start_ms, longest_ms, out);
		points++;
	}
	fprintf(out, "<text x=\"10\" y=\"%.0f\">0 s</text><text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%.3f s</text>\n</svg>\n",
		LANE_HEIGHT * n + 14, WIDTH - 10, LANE_HEIGHT * n + 14, (double)longest_ms / 1000);
}

static void put_row(const struct attempt *a, FILE *out)
{
	fputs("<tr><td>", out);
	put(a->operation, out);
	fputs("<td class=path>", out);
	put(a->kind == ATTEMPT_FILE ? a->path : a->host, out);
	if (a->port)
		fprintf(out, " port %u", a->port);
	put_stack(a->stack, out);
	fputs("<td class=path>", out);
	put(a->program, out);
	fprintf(out, "<td>%s", a->allowed ? "let through" : "denied");
	if (strcmp(a->source, "no-rule") != 0)
		fprintf(out, ": %s", report_reason(a));
	fputc('\n', out);
}

static void put_rows(const struct report *r, FILE *out)
{
	size_t n = 0;

	fputs("<h2>Every access</h2>\n<table><tr><th>operation<th>path or host<th>program<th>result\n", out);
	for (size_t i = 0; i < r->records->n && n < ROWS_MAX; i++)
		if (r->records->list[i].kind != ATTEMPT_RUN && ++n)
			put_row(&r->records->list[i], out);
	fputs("</table>\n", out);
	if (n == ROWS_MAX)
		fprintf(out, "<p>The first %d; all of them are in " RECORDS_FILE ".</p>\n", ROWS_MAX);
}

int report_html(const struct report *r, FILE *out)
{
	int code;

	put_head(r, out);
	put_needs(r, out);
	code = put_commands(r, out);
	if (code == 0)
		code = put_map(r, out);
	put_times(r, out);
	put_rows(r, out);
	fputs("</html>\n", out);
	return code;
}
