/* SPDX-License-Identifier: Apache-2.0 */
#include "server/event_log.h"

#include "base/clock.h"
#include "base/json.h"
#include <stdarg.h>

#define LINE_BYTES 8192

static void begin(struct json_writer *w, char *line, const char *event)
{
	jsonw_init(w, line, LINE_BYTES);
	jsonw_open(w, NULL, '{');
	jsonw_int(w, "time_ms", clock_realtime_ms());
	jsonw_string(w, "event", event);
}

static void finish(struct json_writer *w)
{
	int n;

	jsonw_close(w, '}');
	n = jsonw_finish(w);
	/* A log that cannot be written has nowhere to complain to. */
	if (n > 0)
		(void)!write(STDERR_FILENO, w->buffer, (size_t)n);
}

static void add(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		jsonw_string(w, key, value);
}

void event_request(const struct event_request *e)
{
	char line[LINE_BYTES];
	struct json_writer w;

	begin(&w, line, "request");
	jsonw_string(&w, "method", e->method);
	jsonw_string(&w, "path", e->path);
	if (e->status)
		jsonw_int(&w, "status", e->status);
	else
		jsonw_null(&w, "status");
	jsonw_int(&w, "ms", e->ms);
	add(&w, "tenant", e->tenant);
	add(&w, "run", e->run);
	add(&w, "reason", e->reason);
	finish(&w);
}

void event_note(const char *event, const char *format, ...)
{
	char line[LINE_BYTES], text[1024];
	struct json_writer w;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	begin(&w, line, event);
	jsonw_string(&w, "message", text);
	finish(&w);
}
