/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/why_line.h"

#include "base/text.h"
#include "cli/record_line.h"
#include <string.h>

/* Reasons that no rule is part of; NULL: another. */
static const char *fixed_reason(const char *source)
{
	static const struct {
		const char *source, *words;
	} table[] = {
		{"never-list", "it is on the never list"},
		{"no-prompter", "no rule allows it, and nobody could be asked"},
		{"denied-all", "everything else of this run was refused"},
		{"profile", "no rule allows it, and a profiled run asks nobody"},
		{"no-rule", "no capability and no rule allows it"},
		{"loopback", "it is a port of this machine, which no capability opens"},
		{"metadata", "it is a metadata service of a cloud, which nothing opens"},
		{"unusable", "no single machine has this address"},
		{"rebinding", "the name leads into a private network or to this machine"},
		{"proxy", "only the proxy of --proxy is reached"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(source, table[i].source) == 0)
			return table[i].words;
	return NULL;
}

static void print_reason(const json_t *object, const struct record_line *d, FILE *out)
{
	char shown[64];
	const char *source = json_string_value(json_object_get(object, "source"));
	const char *from = json_string_value(json_object_get(object, "rule_source"));
	const char *words = fixed_reason(source ? source : "");

	if (words)
		fprintf(out, "%s", words);
	else if (json_is_string(json_object_get(object, "rule")))
		fprintf(out, "the rule on %s (%s) refuses it", record_line_shown(d, object, "rule"),
			text_show(from ? from : "?", shown, sizeof(shown)));
	else
		fprintf(out, "no rule allows it, and the question was answered no or not at all");
}

static void print_denial(const json_t *object, const struct record_line *d, FILE *out)
{
	static const struct {
		const char *key, *after;
	} parts[] = {{"call", " "}, {"path", ": "}, {"error", " ("}, {"access", ", pid "}};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		fprintf(out, "%s%s", record_line_shown(d, object, parts[i].key), parts[i].after);
	fprintf(out, "%lld)\n    ", (long long)json_integer_value(json_object_get(object, "pid")));
	print_reason(object, d, out);
	fprintf(out, "\n    allow: %s\n", record_line_shown(d, object, "allow"));
}

/* connect example.org port 443, now 93.184.216.34: EACCES (tcp, pid 12) */
static void print_host_denial(const json_t *object, const struct record_line *d, FILE *out)
{
	long long port = json_integer_value(json_object_get(object, "port"));
	long long pid = json_integer_value(json_object_get(object, "pid"));

	fprintf(out, "%s ", record_line_shown(d, object, "call"));
	fprintf(out, "%s", record_line_shown(d, object, "host"));
	if (port > 0)
		fprintf(out, " port %lld", port);
	if (json_is_string(json_object_get(object, "address")))
		fprintf(out, ", now %s", record_line_shown(d, object, "address"));
	fprintf(out, ": %s (", record_line_shown(d, object, "error"));
	fprintf(out, "%s", record_line_shown(d, object, "protocol"));
	if (pid > 0)
		fprintf(out, ", pid %lld", pid);
	fprintf(out, ")\n    ");
	print_reason(object, d, out);
	if (json_is_string(json_object_get(object, "allow")))
		fprintf(out, "\n    allow: %s\n", record_line_shown(d, object, "allow"));
	else
		fprintf(out, "\n    nothing allows it\n");
}

static void print_server_hosts(const json_t *object, const struct record_line *d, FILE *out)
{
	const json_t *hosts = json_object_get(object, "hosts");

	if (!json_is_string(json_object_get(object, "net")))
		return; /* an older record */
	fprintf(out, "Network: --net %s", record_line_shown(d, object, "net"));
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		const json_t *host = json_array_get(hosts, i);

		fprintf(out, ", %s", record_line_shown(d, host, "access"));
		fprintf(out, " %s", record_line_shown(d, host, "host"));
	}
	fprintf(out, ", and what appsilo consents lists.\n");
}

/* No broker saw the calls: say what was there, and that the rest was not. */
static void print_server_run(const json_t *object, const struct record_line *d, FILE *out)
{
	const json_t *places = json_object_get(object, "reachable");

	fprintf(out, "%s ran without questions (server mode) and ended with exit code %lld.\n",
		record_line_shown(d, object, "app"),
		(long long)json_integer_value(json_object_get(object, "exit_code")));
	fprintf(out, "It could reach the system, read-only, its profile %s, and:\n",
		record_line_shown(d, object, "profile"));
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *place = json_array_get(places, i);

		fprintf(out, "    %-6s ", record_line_shown(d, place, "access"));
		fprintf(out, "%s\n", record_line_shown(d, place, "path"));
	}
	if (json_array_size(places) == 0)
		fprintf(out, "    nothing else\n");
	fprintf(out, "Every other place of yours is denied (EACCES), the current directory %s too unless "
		     "it is listed.\n", record_line_shown(d, object, "cwd"));
	print_server_hosts(object, d, out);
	fprintf(out, "To allow: %s, or --allow-read PATH for one run. To be told each call, run it with "
		     "--prompt tty.\n", record_line_shown(d, object, "allow"));
}

bool why_line_show(const char *line, size_t length, bool json, FILE *out)
{
	cleanup(record_line_done) struct record_line d;
	bool good = record_line_parse(line, length, &d);
	const json_t *object = d.object;
	const char *kind = json_string_value(json_object_get(object, "kind"));
	bool server = kind && strcmp(kind, "server-mode") == 0;

	if (!good)
		record_line_damaged(line, json, out);
	else if (json)
		fprintf(out, "%s", line);
	else if (server)
		print_server_run(object, &d, out);
	else if (kind && strcmp(kind, "network") == 0)
		print_host_denial(object, &d, out);
	else
		print_denial(object, &d, out);
	return !server;
}
