/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/why_line.h"

#include "base/json.h"
#include "base/text.h"
#include <jansson.h>
#include <stddef.h>
#include <string.h>

/* Any field, escaped: each byte may become four. */
#define SHOWN_MAX 65536

/*
 * Names are bytes; those that are no UTF-8 stand in the record as lone surrogates \udcNN
 * (base/json.h), which no JSON library takes. While the line is parsed they are private
 * characters U+F8NN instead; a record that holds such characters too is not parsed.
 */
struct display {
	char *buffer; /* SHOWN_MAX bytes */
	bool hidden;  /* U+F8NN are bytes in this line */
};

static char *hide_bytes(const char *line, size_t length, bool *ret_any)
{
	char *copy = strndup(line, length);

	*ret_any = false;
	for (char *at = copy; copy && (at = strstr(at, "\\udc")); at += 4) {
		size_t slashes = 0;

		while (at - slashes > copy && at[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		if (slashes % 2 || !(at[4] == '8' || at[4] == '9' || (at[4] >= 'a' && at[4] <= 'f')))
			continue;
		memcpy(at + 2, "f8", 2);
		*ret_any = true;
	}
	return copy;
}

static bool holds_private(const char *line)
{
	/* U+F880 to U+F8FF, as UTF-8 and as escapes */
	return strstr(line, "\xef\xa2") || strstr(line, "\xef\xa3") || strstr(line, "\\uf8") ||
	       strstr(line, "\\uF8");
}

/* Back to the bytes they stand for. */
static void show_bytes(char *text)
{
	char *to = text;

	for (const char *from = text; *from;) {
		const unsigned char *p = (const unsigned char *)from;

		if (p[0] == 0xef && (p[1] == 0xa2 || p[1] == 0xa3) && p[2]) {
			*to++ = (char)((p[1] == 0xa3 ? 0xc0 : 0x80) | (p[2] & 0x3f));
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static bool holds_controls(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			return true;
	return false;
}

static json_t *parse(const char *line, size_t length, bool *ret_hidden)
{
	cleanup_free char *copy = NULL;
	json_t *object;

	/* Our writer escapes both. */
	if (holds_controls(line, length))
		return NULL;
	copy = hide_bytes(line, length, ret_hidden);
	if (*ret_hidden && holds_private(line))
		return NULL;
	object = copy ? json_loadb(copy, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

/* A member for people, in the display's buffer. */
static const char *member(const json_t *object, const char *key, const struct display *d)
{
	const char *word = json_string_value(json_object_get(object, key));
	cleanup_free char *bytes = word ? strdup(word) : NULL;

	if (!bytes)
		return "?";
	if (d->hidden)
		show_bytes(bytes);
	return text_show(bytes, d->buffer, SHOWN_MAX);
}

/* Reasons that no rule is part of; NULL: another. */
static const char *fixed_reason(const char *source)
{
	static const struct {
		const char *source, *words;
	} table[] = {
		{"never-list", "it is on the never list"},
		{"no-prompter", "no rule allows it, and nobody could be asked"},
		{"denied-all", "everything else of this run was refused"},
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

static void print_reason(const json_t *object, const struct display *d, FILE *out)
{
	char shown[64];
	const char *source = json_string_value(json_object_get(object, "source"));
	const char *from = json_string_value(json_object_get(object, "rule_source"));
	const char *words = fixed_reason(source ? source : "");

	if (words)
		fprintf(out, "%s", words);
	else if (json_is_string(json_object_get(object, "rule")))
		fprintf(out, "the rule on %s (%s) refuses it", member(object, "rule", d),
			text_show(from ? from : "?", shown, sizeof(shown)));
	else
		fprintf(out, "no rule allows it, and the question was answered no or not at all");
}

static void print_denial(const json_t *object, const struct display *d, FILE *out)
{
	static const struct {
		const char *key, *after;
	} parts[] = {{"call", " "}, {"path", ": "}, {"error", " ("}, {"access", ", pid "}};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		fprintf(out, "%s%s", member(object, parts[i].key, d), parts[i].after);
	fprintf(out, "%lld)\n    ", (long long)json_integer_value(json_object_get(object, "pid")));
	print_reason(object, d, out);
	fprintf(out, "\n    allow: %s\n", member(object, "allow", d));
}

/* connect example.org port 443, now 93.184.216.34: EACCES (tcp, pid 12) */
static void print_host_denial(const json_t *object, const struct display *d, FILE *out)
{
	long long port = json_integer_value(json_object_get(object, "port"));
	long long pid = json_integer_value(json_object_get(object, "pid"));

	fprintf(out, "%s ", member(object, "call", d));
	fprintf(out, "%s", member(object, "host", d));
	if (port > 0)
		fprintf(out, " port %lld", port);
	if (json_is_string(json_object_get(object, "address")))
		fprintf(out, ", now %s", member(object, "address", d));
	fprintf(out, ": %s (", member(object, "error", d));
	fprintf(out, "%s", member(object, "protocol", d));
	if (pid > 0)
		fprintf(out, ", pid %lld", pid);
	fprintf(out, ")\n    ");
	print_reason(object, d, out);
	if (json_is_string(json_object_get(object, "allow")))
		fprintf(out, "\n    allow: %s\n", member(object, "allow", d));
	else
		fprintf(out, "\n    nothing allows it\n");
}

static void print_server_hosts(const json_t *object, const struct display *d, FILE *out)
{
	const json_t *hosts = json_object_get(object, "hosts");

	if (!json_is_string(json_object_get(object, "net")))
		return; /* an older record */
	fprintf(out, "Network: --net %s", member(object, "net", d));
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		const json_t *host = json_array_get(hosts, i);

		fprintf(out, ", %s", member(host, "access", d));
		fprintf(out, " %s", member(host, "host", d));
	}
	fprintf(out, ", and what appsilo consents lists.\n");
}

/* No broker saw the calls: say what was there, and that the rest was not. */
static void print_server_run(const json_t *object, const struct display *d, FILE *out)
{
	const json_t *places = json_object_get(object, "reachable");

	fprintf(out, "%s ran without questions (server mode) and ended with exit code %lld.\n",
		member(object, "app", d),
		(long long)json_integer_value(json_object_get(object, "exit_code")));
	fprintf(out, "It could reach the system, read-only, its profile %s, and:\n",
		member(object, "profile", d));
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *place = json_array_get(places, i);

		fprintf(out, "    %-6s ", member(place, "access", d));
		fprintf(out, "%s\n", member(place, "path", d));
	}
	if (json_array_size(places) == 0)
		fprintf(out, "    nothing else\n");
	fprintf(out, "Every other place of yours is denied (EACCES), the current directory %s too unless "
		     "it is listed.\n", member(object, "cwd", d));
	print_server_hosts(object, d, out);
	fprintf(out, "To allow: %s, or --allow-read PATH for one run. To be told each call, run it with "
		     "--prompt tty.\n", member(object, "allow", d));
}

static void print_damaged_json(const char *line, char *buffer, FILE *out)
{
	struct json_writer w;

	jsonw_init(&w, buffer, SHOWN_MAX);
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "damaged", line);
	jsonw_close(&w, '}');
	fprintf(out, "%s", w.overflow ? "{\"damaged\":null}" : buffer);
}

bool why_line_show(const char *line, size_t length, bool json, FILE *out)
{
	cleanup_free char *buffer = malloc(SHOWN_MAX);
	struct display d = {.buffer = buffer};
	json_t *object = buffer ? parse(line, length, &d.hidden) : NULL;
	const char *kind = json_string_value(json_object_get(object, "kind"));
	bool server = kind && strcmp(kind, "server-mode") == 0;

	if (object && json)
		fprintf(out, "%s", line);
	else if (server)
		print_server_run(object, &d, out);
	else if (object && kind && strcmp(kind, "network") == 0)
		print_host_denial(object, &d, out);
	else if (object)
		print_denial(object, &d, out);
	else if (json && buffer)
		print_damaged_json(line, buffer, out);
	else if (json)
		fprintf(out, "{\"damaged\":null}");
	else
		fprintf(out, "damaged line: %s\n",
			buffer ? text_show(line, buffer, SHOWN_MAX) : "(out of memory)");
	json_decref(object);
	return !server;
}
