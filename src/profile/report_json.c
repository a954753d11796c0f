/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/report.h"

#include "base/json.h"
#include "profile/stack.h"
#include <limits.h>
#include <string.h>

static void put_runs(const struct report *r, struct json_writer *w)
{
	jsonw_open(w, "runs", '[');
	for (size_t i = 0; i < r->records->n; i++) {
		const struct attempt *a = &r->records->list[i];

		if (a->kind != ATTEMPT_RUN || strcmp(a->operation, "start") != 0)
			continue;
		jsonw_open(w, NULL, '{');
		jsonw_string(w, "run", a->run);
		jsonw_int(w, "time_ms", a->time_ms);
		jsonw_string(w, "mode", a->source);
		jsonw_string(w, "cwd", a->path);
		jsonw_string(w, "words", a->allow);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void put_needs(const struct needs *n, struct json_writer *w)
{
	jsonw_open(w, "needs", '[');
	for (size_t i = 0; i < n->n; i++) {
		const struct need *need = &n->list[i];

		jsonw_open(w, NULL, '{');
		jsonw_string(w, "access", need_word(need->kind));
		jsonw_string(w, "path", need->path);
		jsonw_string(w, "target", need->folder ? "folder" : "file");
		jsonw_int(w, "accesses", (int64_t)need->accesses);
		jsonw_string(w, "capability", need->capability);
		jsonw_string(w, "caution", need->caution);
		stack_put_json(w, "stack", need->stack);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_open(w, "hosts", '[');
	for (size_t i = 0; i < n->n_hosts; i++) {
		jsonw_open(w, NULL, '{');
		jsonw_string(w, "host", n->hosts[i].text);
		jsonw_string(w, "capability", n->hosts[i].capability);
		jsonw_int(w, "accesses", (int64_t)n->hosts[i].accesses);
		stack_put_json(w, "stack", n->hosts[i].stack);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void put_refused(const struct needs *n, struct json_writer *w)
{
	jsonw_open(w, "refused", '[');
	for (size_t i = 0; i < n->n_refused; i++) {
		const struct attempt *a = n->refused[i];

		jsonw_open(w, NULL, '{');
		jsonw_string(w, "run", a->run);
		jsonw_string(w, "operation", a->operation);
		if (a->kind == ATTEMPT_FILE)
			jsonw_string(w, "path", a->path);
		else
			jsonw_string(w, "host", a->host);
		if (a->port)
			jsonw_int(w, "port", a->port);
		jsonw_string(w, "source", a->source);
		jsonw_string(w, "allow", *a->allow ? a->allow : NULL);
		stack_put_json(w, "stack", a->stack);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static int put_commands(const struct report *r, struct json_writer *w)
{
	cleanup_free char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	report_commands(r, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	jsonw_open(w, "commands", '[');
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		jsonw_string(w, NULL, line);
	jsonw_close(w, ']');
	return 0;
}

static int put_all(const struct report *r, struct json_writer *w)
{
	const char *names[REPORT_CAPABILITIES_MAX];
	size_t n = report_capabilities(r, names);
	int code;

	jsonw_open(w, NULL, '{');
	jsonw_string(w, "package", r->family);
	put_runs(r, w);
	put_needs(r->needs, w);
	jsonw_open(w, "capabilities", '[');
	for (size_t i = 0; i < n; i++)
		jsonw_string(w, NULL, names[i]);
	jsonw_close(w, ']');
	jsonw_string(w, "manifest", r->manifest);
	code = put_commands(r, w);
	put_refused(r->needs, w);
	jsonw_close(w, '}');
	return code;
}

int report_json(const struct report *r, FILE *out)
{
	cleanup_free char *buffer = NULL;
	struct json_writer w;

	/* It is not known how long it will be. */
	for (size_t size = 1 << 20; size <= (size_t)1 << 32; size *= 4) {
		int n;

		free(buffer);
		buffer = malloc(size);
		if (!buffer)
			return -ENOMEM;
		jsonw_init(&w, buffer, size);
		if (put_all(r, &w) < 0)
			return -ENOMEM;
		n = jsonw_finish(&w);
		if (n > 0)
			return fwrite(buffer, 1, (size_t)n, out) == (size_t)n ? 0 : -EIO;
	}
	return -ENOMEM;
}
