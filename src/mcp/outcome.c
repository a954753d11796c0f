/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/outcome.h"

#include "base/base64.h"
#include "base/text.h"
#include "server/reply.h"
#include <stdarg.h>
#include <string.h>

#define DRIVER_MORE 3 /* driver.py, MORE */

/* Text that grows; what does not fit into memory sets `failed`. */
struct text {
	struct run_output out;
	bool failed;
};

static void add(struct text *t, const char *bytes, size_t size)
{
	t->failed = t->failed || !run_output_add(&t->out, bytes, size);
}

static void printf_like(2, 3) addf(struct text *t, const char *format, ...)
{
	char *line;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&line, format, args);
	va_end(args);
	if (n < 0) {
		t->failed = true;
		return;
	}
	add(t, line, (size_t)n);
	free(line);
}

/* Bytes of a program as text: what is no UTF-8 is replaced. Exact bytes are in the object. */
static void add_bytes(struct text *t, const struct run_output *from)
{
	const char *p = from->data;
	size_t left = from->size;

	while (left) {
		uint32_t code;
		size_t n = text_decode((const unsigned char *)p, left, &code);

		if (n && code != 0 && (code < 0xd800 || code > 0xdfff))
			add(t, p, n);
		else
			add(t, "\xef\xbf\xbd", 3);
		n = n ?: 1;
		p += n;
		left -= n;
	}
}

static json_t *text_content(struct text *t)
{
	json_t *content = t->failed ? NULL : json_pack("[{s:s,s:s%}]", "type", "text", "text",
						       t->out.data ?: "", t->out.size);

	free(t->out.data);
	*t = (struct text){0};
	return content;
}

/* Takes both; @structured may be NULL. */
static json_t *result_of(json_t *content, json_t *structured, bool failed)
{
	json_t *result = content ? json_pack("{s:o,s:b}", "content", content, "isError", failed) : NULL;

	if (structured && (!result || json_object_set(result, "structuredContent", structured) < 0)) {
		json_decref(result);
		result = NULL;
	}
	json_decref(structured);
	return result;
}

json_t *outcome_failure(const char *text)
{
	struct text t = {0};
	struct run_output bytes = {.data = (char *)text, .size = strlen(text)};

	add_bytes(&t, &bytes);
	return result_of(text_content(&t), NULL, true);
}

static bool has_exited(const struct sandbox_result *r, int code)
{
	return r->reason == SANDBOX_EXITED && r->exit_code == code;
}

static void add_denials(struct text *t, const json_t *denied)
{
	for (size_t i = 0; i < json_array_size(denied); i++) {
		const json_t *one = json_array_get(denied, i);
		const char *name = json_string_value(json_object_get(one, "path"));
		const char *access = json_string_value(json_object_get(one, "access"));
		const char *grant = json_string_value(json_object_get(one, "grant"));

		name = name ?: json_string_value(json_object_get(one, "host"));
		addf(t, "[denied: %s %s", access ?: "reach", name ?: "");
		if (grant)
			addf(t, "; the user can allow it with: %s", grant);
		addf(t, "]\n");
	}
}

/* Where nobody is asked, what is missing can only be guessed; how to give it is known. */
static void add_hint(struct text *t, const struct mcp_call *call)
{
	const struct mcp *mcp = call->session->mcp;

	if (strcmp(mcp->options.prompt, "never") == 0)
		addf(t, "[files that were not granted are denied; the user can allow one with: appsilo grant -p %s "
			"--read PATH, or --write PATH]\n", mcp->family);
}

static void add_end(struct text *t, const struct run_step *step)
{
	const struct sandbox_result *r = &step->result;
	char shown[ERROR_LINE_MAX];

	if (r->reason == SANDBOX_EXITED && r->exit_code)
		addf(t, "[exit code %d]\n", r->exit_code);
	else if (r->reason == SANDBOX_SIGNALED)
		addf(t, "[ended by signal %d]\n", r->signal);
	else if (r->reason != SANDBOX_EXITED)
		addf(t, "[%s%s%s]\n", sandbox_reason_word(r->reason), *r->text ? ": " : "",
		     text_show(r->text, shown, sizeof(shown)));
}

static void add_line_break(struct text *t)
{
	if (t->out.size && t->out.data[t->out.size - 1] != '\n')
		add(t, "\n", 1);
}

static json_t *run_content(const struct mcp_call *call, const struct run_step *step, const json_t *denied)
{
	struct text t = {0};
	bool failed = !has_exited(&step->result, 0);

	add_bytes(&t, &step->out[RUN_STDOUT]);
	if (step->out[RUN_STDERR].size) {
		add_line_break(&t);
		add_bytes(&t, &step->out[RUN_STDERR]);
	}
	add_line_break(&t);
	add_end(&t, step);
	add_denials(&t, denied);
	if (failed)
		add_hint(&t, call);
	return text_content(&t);
}

static json_t *run_outcome(const struct mcp_call *call, const struct run_step *step, const json_t *denied)
{
	json_t *object = json_object();
	int r = object ? 0 : -ENOMEM;

	if (r == 0)
		r = reply_bytes(object, "stdout", step->out[RUN_STDOUT].data, step->out[RUN_STDOUT].size);
	if (r == 0)
		r = reply_bytes(object, "stderr", step->out[RUN_STDERR].data, step->out[RUN_STDERR].size);
	if (r == 0)
		r = reply_result(object, &step->result);
	if (r == 0)
		r = json_object_set_new(object, "denied", json_deep_copy(denied));
	if (r == 0)
		return result_of(run_content(call, step, denied), object, !has_exited(&step->result, 0));
	json_decref(object);
	return NULL;
}

/* A file that was not read or written: what driver.py said. */
static json_t *file_failure(const struct mcp_call *call, const struct run_step *step, const json_t *denied)
{
	return result_of(run_content(call, step, denied), NULL, true);
}

static json_t *read_content(const char *path, const struct run_output *bytes)
{
	struct text t = {0};
	cleanup_free char *encoded = NULL, *uri = NULL;

	if (text_is_utf8(bytes->data ?: "", bytes->size)) {
		add(&t, bytes->data ?: "", bytes->size);
		return text_content(&t);
	}
	encoded = malloc(base64_length(bytes->size));
	if (!encoded || asprintf(&uri, "file://%s", path) < 0)
		return NULL;
	base64_encode(bytes->data, bytes->size, encoded);
	return json_pack("[{s:s,s:{s:s,s:s,s:s}}]", "type", "resource", "resource", "uri", uri, "mimeType",
			 "application/octet-stream", "blob", encoded);
}

static json_t *read_outcome(const struct mcp_call *call, const struct run_step *step, const json_t *denied)
{
	const struct run_output *bytes = &step->out[RUN_STDOUT];
	json_t *path = json_object_get(call->arguments, "path"), *object;
	bool more = has_exited(&step->result, DRIVER_MORE);

	if (!more && !has_exited(&step->result, 0))
		return file_failure(call, step, denied);
	object = json_pack("{s:O,s:b}", "path", path, "more", more);
	if (object && reply_bytes(object, "content", bytes->data, bytes->size) == 0)
		return result_of(read_content(json_string_value(path), bytes), object, false);
	json_decref(object);
	return NULL;
}

static json_t *write_outcome(const struct mcp_call *call, const struct run_step *step, const json_t *denied)
{
	struct text t = {0};

	if (!has_exited(&step->result, 0))
		return file_failure(call, step, denied);
	addf(&t, "written to %s: %.*s bytes\n", json_string_value(json_object_get(call->arguments, "path")),
	     (int)strcspn(step->out[RUN_STDOUT].data ?: "\n", "\n"), step->out[RUN_STDOUT].data ?: "");
	return result_of(text_content(&t), NULL, false);
}

json_t *outcome_of(const struct mcp_call *call, const struct run_step *step, const json_t *denied)
{
	const char *name = json_string_value(json_object_get(call->tool, "name"));

	if (strcmp(name, "read_file") == 0)
		return read_outcome(call, step, denied);
	if (strcmp(name, "write_file") == 0)
		return write_outcome(call, step, denied);
	return run_outcome(call, step, denied);
}

static json_t *options_of(const struct mcp_options *o)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < o->n_passed; i++)
		/* A value of --env may be a secret. */
		(void)json_array_append_new(list, json_pack("{s:s,s:s}", "option", o->passed[i].name, "value",
							    strcmp(o->passed[i].name, "--env") ? o->passed[i].value : ""));
	return list;
}

/* Of this program and of all programs: what was decided for others is none of its business. */
static json_t *decisions_of(const struct mcp *mcp, const json_t *all)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < json_array_size(all); i++) {
		json_t *one = json_array_get(all, i);
		const char *package = json_string_value(json_object_get(one, "package"));

		if (package && (strcmp(package, mcp->family) == 0 || strcmp(package, "*") == 0))
			(void)json_array_append(list, one);
	}
	return list;
}

json_t *outcome_grants(const struct mcp *mcp, const json_t *all)
{
	struct text t = {0};
	json_t *object = json_pack("{s:s,s:b,s:o,s:o}", "package", mcp->family, "questions",
				   strcmp(mcp->options.prompt, "never") != 0, "options",
				   options_of(&mcp->options), "decisions", decisions_of(mcp, all));
	cleanup_free char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;

	if (!text) {
		json_decref(object);
		return NULL;
	}
	add(&t, text, strlen(text));
	return result_of(text_content(&t), object, false);
}
