/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snekbox's POST /eval: Python code ("input") or arguments for the interpreter ("args"), files
 * by "path" with base64 content, and one output in which stdout and stderr are mixed.
 */
#include "server/routes.h"

#include "base/base64.h"
#include <signal.h>
#include <string.h>

#define BAD "bad-request"

static int take_file(struct run_request *r, const json_t *file, struct api_error *e)
{
	static const char *const names[] = {"path", "content", NULL};
	const json_t *content = json_object_get(file, "content");
	const char *path = NULL, *data;
	unsigned char *bytes;
	size_t size;
	int err = json_is_object(file) ? request_only(file, names, "files.", e)
				       : api_error_set(e, 400, BAD, "files must be an array of objects");

	if (err == 0)
		err = request_string(file, "path", &path, e);
	if (err < 0)
		return err;
	if (!path || (content && !json_is_string(content)))
		return api_error_set(e, 400, BAD, "files must have path and content");
	data = content ? json_string_value(content) : "";
	size = strlen(data);
	bytes = request_own(r, malloc(size + 1));
	if (!bytes || base64_decode(data, size, bytes, &size) < 0)
		return api_error_set(e, 400, BAD, "files.content is not base64");
	return request_add_file(r, path, strlen(path), (const char *)bytes, size, e);
}

static int take_files(struct run_request *r, struct api_error *e)
{
	const json_t *files = json_object_get(r->root, "files"), *file;
	int err = files && !json_is_array(files) ? api_error_set(e, 400, BAD, "files must be an array") : 0;
	size_t i;

	if (!files || err < 0)
		return err;
	json_array_foreach(files, i, file)
	{
		err = take_file(r, file, e);
		if (err < 0)
			return err;
	}
	return 0;
}

/* python3 ARGS...; with input, -c where no other arguments are given, and the code. */
static int take_command(struct run_request *r, struct api_error *e)
{
	const char *input = NULL;
	const char **words = r->argv + 1;
	int err = request_string(r->root, "input", &input, e);

	r->argv[0] = "python3";
	if (err == 0)
		err = request_words(r->root, "args", REQUEST_WORDS_MAX - 4, words, &r->n_argv, e);
	if (err < 0)
		return err;
	if (!input && !json_object_get(r->root, "args"))
		return api_error_set(e, 400, BAD, "input or args is required");
	if (input && !json_object_get(r->root, "args"))
		words[r->n_argv++] = "-c";
	if (input)
		words[r->n_argv++] = input;
	r->n_argv++;
	return input && strlen(input) > REQUEST_WORD_BYTES
		       ? api_error_set(e, 413, "too-large", "input is larger than 100000 bytes; use files")
		       : 0;
}

static int decode_eval(const struct exchange *x, struct run_request *r, struct api_error *e)
{
	static const char *const names[] = {"input", "args", "files", "executable_path", NULL};
	int err;

	r->root = request_parse(x->body, x->body_size, e);
	if (!r->root)
		return -EINVAL;
	r->limits = x->server->options.limits;
	r->net = "none";
	r->runtime = &runtimes[0];
	r->bare = r->return_files = true;
	err = request_only(r->root, names, "", e);
	if (err == 0 && json_object_get(r->root, "executable_path"))
		err = api_error_set(e, 400, "unknown-field",
				    "executable_path: there is one interpreter here; leave it out");
	if (err == 0)
		err = take_files(r, e);
	return err < 0 ? err : take_command(r, e);
}

static json_t *list_files(const struct work_files *files)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < files->n; i++) {
		const struct work_file *f = &files->all[i];
		cleanup_free char *encoded = malloc(base64_length(f->size));

		if (!encoded)
			break;
		base64_encode(f->data, f->size, encoded);
		(void)!json_array_append_new(list, json_pack("{s:s,s:I,s:s}", "path", f->name, "size",
							     (json_int_t)f->size, "content", encoded));
	}
	return list;
}

/* nsjail kills what has no time left; of too much output snekbox tells nsjail by SIGTERM. Its clients tell these by
 * the number. */
static int return_code(const struct sandbox_result *r)
{
	if (r->reason == SANDBOX_TIMEOUT)
		return 128 + SIGKILL;
	return r->reason == SANDBOX_OUTPUT_LIMIT ? 128 + SIGTERM : r->exit_code;
}

static void eval(struct job *job, struct worker *worker)
{
	const struct run_request *request = job->data;
	struct run_control control = job_control(job);
	cleanup(run_outcome_done) struct run_outcome outcome = {0};
	const struct run_output *both = &outcome.run.both;
	struct api_error e;
	json_t *object, *text;

	control.keep_both = true;
	if (run_job(job, worker, request, &control, &outcome, &e) < 0) {
		job_error(job, &e);
		return;
	}
	text = json_stringn(both->size ? both->data : "", both->size);
	object = json_pack("{s:o,s:i,s:o}", "stdout",
			   text ? text : json_string("Unicode decoding error"), "returncode",
			   return_code(&outcome.run.result), "files", list_files(&outcome.files));
	job_json(job, 200, object);
}

void route_snekbox(struct exchange *x)
{
	struct run_request *request = exchange_decode(x, decode_eval);

	if (request)
		exchange_job(x, eval, request, exchange_free_request);
}
