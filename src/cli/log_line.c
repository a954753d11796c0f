/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_line.h"

#include "base/path.h"
#include "base/text.h"
#include "cli/record_line.h"
#include <string.h>

static bool is_word(const json_t *object, const char *key, const char *wanted)
{
	const char *word = json_string_value(json_object_get(object, key));

	return !wanted || (word && strcmp(word, wanted) == 0);
}

static bool is_wanted(const struct record_line *r, const struct log_filter *f)
{
	cleanup_free char *path = NULL;

	if (!is_word(r->object, "package", f->family) || !is_word(r->object, "kind", f->kind) ||
	    !is_word(r->object, "decision", f->decision) ||
	    json_integer_value(json_object_get(r->object, "time_ms")) < f->since_ms)
		return false;
	if (!f->path)
		return true;
	path = record_line_bytes(r, r->object, "path");
	return path && path[0] == '/' && path_is_under(path, f->path);
}

static long long number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static void put_time(const json_t *object, FILE *out)
{
	long long ms = number(object, "time_ms");
	char text[TEXT_TIME_SIZE];

	fprintf(out, "%s.%03lldZ", text_time(ms, text), ms >= 0 ? ms % 1000 : 0);
}

static void put_word(const struct record_line *r, const char *key, FILE *out)
{
	if (json_is_string(json_object_get(r->object, key)))
		fprintf(out, " %s", record_line_shown(r, r->object, key));
}

/* Whoever asked, and why it was decided so. */
static void put_tail(const struct record_line *r, FILE *out)
{
	fputs(" (", out);
	fputs(record_line_shown(r, r->object, "source"), out);
	if (json_is_string(json_object_get(r->object, "rule"))) {
		fputs(" on", out);
		put_word(r, "rule", out);
	}
	fputs(";", out);
	put_word(r, "package", out);
	if (number(r->object, "pid") > 0)
		fprintf(out, " pid %lld", number(r->object, "pid"));
	fputs(")", out);
}

static void put_host(const struct record_line *r, FILE *out)
{
	put_word(r, "protocol", out);
	put_word(r, "host", out);
	if (number(r->object, "port") > 0)
		fprintf(out, " port %lld", number(r->object, "port"));
}

static void put_text(const struct record_line *r, FILE *out)
{
	const char *kind = json_string_value(json_object_get(r->object, "kind"));

	put_time(r->object, out);
	if (kind && strcmp(kind, "network-total") == 0) {
		fputs(" total", out);
		put_host(r, out);
		fprintf(out, " %lld connections, %lld refused, %lld bytes sent, %lld received (",
			number(r->object, "connections"), number(r->object, "refused"),
			number(r->object, "bytes_sent"), number(r->object, "bytes_received"));
		fprintf(out, "%s)", record_line_shown(r, r->object, "package"));
	} else if (kind && strcmp(kind, "server-mode") == 0) {
		fprintf(out, " ended  server mode, exit code %lld (", number(r->object, "exit_code"));
		fprintf(out, "%s)", record_line_shown(r, r->object, "package"));
	} else {
		fprintf(out, " %-5s", record_line_shown(r, r->object, "decision"));
		put_word(r, "access", out);
		put_word(r, json_is_string(json_object_get(r->object, "call")) ? "call" : "operation", out);
		if (kind && strcmp(kind, "network") == 0)
			put_host(r, out);
		else
			put_word(r, "path", out);
		put_tail(r, out);
	}
	fputc('\n', out);
}

bool log_line_show(const char *line, size_t length, const struct log_filter *f, bool json, FILE *out)
{
	cleanup(record_line_done) struct record_line r;
	bool filtered = f->family || f->path || f->kind || f->decision || f->since_ms;

	if (!record_line_parse(line, length, &r)) {
		if (!filtered)
			record_line_damaged(line, json, out);
		return !filtered;
	}
	if (!is_wanted(&r, f))
		return false;
	if (json)
		fputs(line, out);
	else
		put_text(&r, out);
	return true;
}
