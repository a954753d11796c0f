/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Piston's API version 2 (docs/api-v2.md of engineer-man/piston): its clients switch by changing
 * the address. Fields that it ignores are ignored here as well.
 */
#include "server/routes.h"

#include "base/base64.h"
#include "base/text.h"
#include "server/semver.h"
#include <string.h>

#define BAD "bad-request"

static bool is_offered(const struct server *s, const struct runtime *runtime)
{
	return s->versions.version[runtime - runtimes][0];
}

void route_piston_runtimes(struct exchange *x)
{
	json_t *list = json_array();

	for (const struct runtime *r = runtimes; r->language; r++) {
		json_t *aliases = json_array();

		for (const char *const *alias = r->aliases; *alias; alias++)
			(void)!json_array_append_new(aliases, json_string(*alias));
		if (is_offered(x->server, r))
			(void)!json_array_append_new(
				list, json_pack("{s:s,s:s,s:o}", "language", r->language, "version",
						x->server->versions.version[r - runtimes], "aliases", aliases));
		else
			json_decref(aliases);
	}
	exchange_json(x, 200, list);
}

static int take_language(const struct server *s, struct run_request *r, struct api_error *e)
{
	const char *language = NULL, *version = NULL;
	char shown[2][64];
	int err = request_string(r->root, "language", &language, e);

	if (err == 0)
		err = request_string(r->root, "version", &version, e);
	if (err < 0)
		return err;
	if (!language || !version)
		return api_error_set(e, 400, BAD, "%s is required as a string",
				     language ? "version" : "language");
	r->runtime = runtime_find(language);
	if (!r->runtime || !is_offered(s, r->runtime) ||
	    !semver_fits(version, s->versions.version[r->runtime - runtimes]))
		return api_error_set(e, 400, "unknown-language", "%s-%s runtime is unknown",
				     text_show(language, shown[0], sizeof(shown[0])),
				     text_show(version, shown[1], sizeof(shown[1])));
	return 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F'				   ? c - 'A' + 10
								   : -1;
}

static int decode_hex(const char *text, size_t length, unsigned char *ret, size_t *ret_size)
{
	for (size_t i = 0; i + 1 < length; i += 2) {
		int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret[i / 2] = (unsigned char)(high << 4 | low);
	}
	*ret_size = length / 2;
	return length % 2 ? -EINVAL : 0;
}

/* Replaces *data by what it encodes. */
static int decode(struct run_request *r, const char *encoding, const char **data, size_t *size,
		  struct api_error *e)
{
	unsigned char *bytes;
	int err = -EINVAL;

	if (!encoding || strcmp(encoding, "utf8") == 0)
		return 0;
	bytes = request_own(r, malloc(*size + 1));
	if (bytes && strcmp(encoding, "base64") == 0)
		err = base64_decode(*data, *size, bytes, size);
	else if (bytes && strcmp(encoding, "hex") == 0)
		err = decode_hex(*data, *size, bytes, size);
	if (err < 0)
		return api_error_set(e, 400, BAD, "files[].content is not in files[].encoding");
	*data = (const char *)bytes;
	return 0;
}

static int take_file(struct run_request *r, const json_t *file, size_t index, struct api_error *e)
{
	const json_t *content = json_object_get(file, "content");
	const char *name = NULL, *encoding = NULL, *data;
	char *made;
	size_t size;
	int err;

	if (!json_is_object(file) || !json_is_string(content))
		return api_error_set(e, 400, BAD, "files[].content is required as a string");
	err = request_string(file, "name", &name, e);
	if (err == 0)
		err = request_string(file, "encoding", &encoding, e);
	data = json_string_value(content);
	size = json_string_length(content);
	if (err == 0)
		err = decode(r, encoding, &data, &size, e);
	if (err < 0)
		return err;
	if (!name && index == 0) {
		name = r->runtime->file;
	} else if (!name) {
		if (asprintf(&made, "file%zu.code", index) < 0 || !request_own(r, made))
			return api_error_set(e, 503, "no-memory", "the server is out of memory");
		name = made;
	}
	return request_add_file(r, name, strlen(name), data, size, e);
}

static int take_files(struct run_request *r, struct api_error *e)
{
	const json_t *files = json_object_get(r->root, "files"), *file;
	size_t i;

	if (!json_is_array(files) || json_array_size(files) == 0)
		return api_error_set(e, 400, BAD, "files is required as an array");
	json_array_foreach(files, i, file)
	{
		int err = take_file(r, file, i, e);

		if (err < 0)
			return err;
	}
	r->entry = r->files[0].name;
	r->of_files = true;
	return 0;
}

/* -1 is "no limit of mine". */
static int take_limit(const json_t *root, const char *key, uint64_t *value, struct api_error *e,
		      int (*take)(const json_t *, const char *, uint64_t *, struct api_error *))
{
	const json_t *asked = json_object_get(root, key);

	if (!asked || json_integer_value(asked) == -1 || json_is_null(asked))
		return 0;
	if (take(root, key, value, e) == 0)
		return 0;
	e->status = 400;
	return -EINVAL;
}

static int decode_execute(const struct exchange *x, struct run_request *r, struct api_error *e)
{
	uint64_t compile_ms = 30000, compile_bytes = (uint64_t)1 << 40;
	int err;

	r->root = request_parse(x->body, x->body_size, e);
	if (!r->root)
		return -EINVAL;
	r->limits = x->server->options.limits;
	r->net = "none";
	err = take_language(x->server, r, e);
	if (err == 0)
		err = take_files(r, e);
	if (err == 0)
		err = request_words(r->root, "args", REQUEST_WORDS_MAX, r->argv, &r->n_argv, e);
	if (err == 0)
		err = request_bytes(r, r->root, "stdin", &r->stdin_data, &r->stdin_size, e);
	if (err == 0)
		err = take_limit(r->root, "run_timeout", &r->limits.wall_ms, e, request_limit);
	if (err == 0)
		err = take_limit(r->root, "run_cpu_time", &r->limits.cpu_ms, e, request_limit);
	if (err == 0)
		err = take_limit(r->root, "run_memory_limit", &r->limits.memory_bytes, e, request_memory);
	if (err == 0)
		err = take_limit(r->root, "compile_timeout", &compile_ms, e, request_limit);
	return err < 0 ? err : take_limit(r->root, "compile_memory_limit", &compile_bytes, e, request_limit);
}

static const char *status_of(const struct sandbox_result *r)
{
	switch (r->reason) {
	case SANDBOX_EXITED:
		return r->exit_code ? "RE" : NULL;
	case SANDBOX_SIGNALED:
		return "SG";
	case SANDBOX_TIMEOUT:
		return "TO";
	case SANDBOX_OUTPUT_LIMIT:
		return "OL";
	case SANDBOX_FAILED:
	case SANDBOX_OOM:
	case SANDBOX_PIDS:
	case SANDBOX_DENIED:
	case SANDBOX_CANCELLED:
		break;
	}
	return "XX";
}

/* Its JSON has no bytes that are not text: they become U+FFFD, as there. */
static json_t *lossy(const struct run_output *o)
{
	json_t *text = json_stringn(o->size ? o->data : "", o->size);
	char *copy = text ? NULL : malloc(o->size * 3 + 1), *to = copy;

	for (size_t i = 0; copy && i < o->size;) {
		uint32_t code;
		size_t n = text_decode((const unsigned char *)o->data + i, o->size - i, &code);
		bool whole = n && (code < 0xd800 || code > 0xdfff);

		memcpy(to, whole ? o->data + i : "\xef\xbf\xbd", whole ? n : 3);
		to += whole ? n : 3;
		i += whole ? n : 1;
	}
	if (copy)
		text = json_stringn(copy, (size_t)(to - copy));
	free(copy);
	return text;
}

static json_t *stage(const struct run_step *step)
{
	const struct sandbox_result *r = &step->result;
	/* What ended by a limit was killed. */
	int killer = r->signal ? r->signal : r->reason == SANDBOX_EXITED ? 0 : 9;
	const char *name = killer ? sigabbrev_np(killer) : NULL;
	char signal[32];

	snprintf(signal, sizeof(signal), "SIG%s", name ? name : "KILL");
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I}", "stdout",
			 lossy(&step->out[RUN_STDOUT]), "stderr", lossy(&step->out[RUN_STDERR]),
			 "output", lossy(&step->both), "code",
			 killer ? json_null() : json_integer(r->exit_code), "signal",
			 killer ? json_string(signal) : json_null(), "message",
			 r->text[0] ? json_string(r->text) : json_null(), "status",
			 status_of(r) ? json_string(status_of(r)) : json_null(), "cpu_time",
			 (json_int_t)r->cpu_ms, "wall_time", (json_int_t)r->wall_ms, "memory",
			 (json_int_t)r->memory_bytes);
}

static void execute(struct job *job, struct worker *worker)
{
	const struct run_request *request = job->data;
	const struct runtime *runtime = request->runtime;
	struct run_control control = job_control(job);
	cleanup(run_outcome_done) struct run_outcome outcome = {0};
	struct api_error e;
	json_t *object;

	control.keep_both = true;
	if (run_job(job, worker, request, &control, &outcome, &e) < 0) {
		job_error(job, &e);
		return;
	}
	object = json_pack("{s:s,s:s,s:o}", "language", runtime->language, "version",
			   worker->server->versions.version[runtime - runtimes], "run",
			   stage(run_last_step(&outcome)));
	if (object && outcome.compiled)
		(void)!json_object_set_new(object, "compile", stage(&outcome.compile));
	job_json(job, 200, object);
}

void route_piston_execute(struct exchange *x)
{
	struct run_request *request = exchange_decode(x, decode_execute);

	if (request)
		exchange_job(x, execute, request, exchange_free_request);
}
