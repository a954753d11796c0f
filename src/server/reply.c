/* SPDX-License-Identifier: Apache-2.0 */
#include "server/reply.h"

#include "base/base64.h"
#include <string.h>

static int set_new(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

int reply_bytes(json_t *object, const char *key, const char *data, size_t size)
{
	json_t *text = json_stringn(size ? data : "", size); /* NULL: not UTF-8 */
	cleanup_free char *encoded = NULL;
	char flag[64];

	if (text)
		return set_new(object, key, text);
	encoded = malloc(base64_length(size));
	if (!encoded)
		return -ENOMEM;
	base64_encode(data, size, encoded);
	snprintf(flag, sizeof(flag), "%s_base64", key);
	if (set_new(object, key, json_string(encoded)) < 0)
		return -ENOMEM;
	return set_new(object, flag, json_true());
}

int reply_result(json_t *object, const struct sandbox_result *result)
{
	int r = set_new(object, "exit_code", json_integer(result->exit_code));

	if (r == 0)
		r = set_new(object, "signal",
			    result->signal ? json_integer(result->signal) : json_null());
	if (r == 0)
		r = set_new(object, "reason", json_string(sandbox_reason_word(result->reason)));
	if (r == 0)
		r = set_new(object, "wall_ms", json_integer(result->wall_ms));
	if (r == 0)
		r = set_new(object, "cpu_ms", json_integer(result->cpu_ms));
	return r < 0 ? r : set_new(object, "memory_bytes", json_integer(result->memory_bytes));
}

static json_t *one_file(const struct work_file *f, bool names_only)
{
	json_t *object = json_object();
	int r = object ? set_new(object, "name", json_string(f->name)) : -ENOMEM;

	if (r == 0)
		r = set_new(object, "size", json_integer((json_int_t)f->size));
	if (r == 0 && !names_only)
		r = reply_bytes(object, "content", f->data, f->size);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *reply_files(const struct work_files *files, bool names_only)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < files->n; i++) {
		if (json_array_append_new(list, one_file(&files->all[i], names_only)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int add_files(json_t *object, const struct run_request *r, const struct run_outcome *o)
{
	int err = 0;

	if (r->return_files)
		err = set_new(object, "files", reply_files(&o->files, false));
	if (err == 0 && r->return_pictures)
		err = set_new(object, "pictures", reply_files(&o->pictures, false));
	if (err == 0 && (o->files.cut || o->pictures.cut))
		err = set_new(object, "files_cut", json_true());
	return err;
}

json_t *reply_run(const struct run_request *r, const struct run_outcome *o, bool with_output)
{
	const struct run_step *step = run_last_step(o);
	json_t *object = json_object();
	int err = object ? 0 : -ENOMEM;

	if (err == 0 && (with_output || step == &o->compile))
		err = reply_bytes(object, "stdout", step->out[RUN_STDOUT].data,
				  step->out[RUN_STDOUT].size);
	if (err == 0 && (with_output || step == &o->compile))
		err = reply_bytes(object, "stderr", step->out[RUN_STDERR].data,
				  step->out[RUN_STDERR].size);
	if (err == 0)
		err = reply_result(object, &step->result);
	if (err == 0 && step == &o->compile)
		err = set_new(object, "stage", json_string("compile"));
	if (err == 0 && step->result.text[0])
		err = set_new(object, "error", json_string(step->result.text));
	if (err == 0)
		err = add_files(object, r, o);
	if (err == 0)
		return object;
	json_decref(object);
	return NULL;
}

char *reply_text(json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

char *reply_error(const struct api_error *e)
{
	return reply_text(json_pack("{s:{s:s,s:s}}", "error", "code", e->code, "message", e->message));
}

char *reply_message(const struct api_error *e)
{
	return reply_text(json_pack("{s:s}", "message", e->message));
}
