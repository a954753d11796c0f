/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/prompt.h"

#include "base/json.h"
#include "consent/words.h"
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

void prompt_fail(struct prompt_answer *ret, const char *format, ...)
{
	va_list args;

	*ret = (struct prompt_answer){.verdict = CONSENT_DENY, .scope = CONSENT_ONCE, .failed = true};
	va_start(args, format);
	vsnprintf(ret->problem, sizeof(ret->problem), format, args);
	va_end(args);
}

static void write_file(struct json_writer *w, const struct consent_request *r)
{
	jsonw_string(w, "kind", "file");
	jsonw_string(w, "path", r->path);
	jsonw_string(w, "access", words_access(r->access));
	jsonw_string(w, "operation", r->operation);
	jsonw_string(w, "target", words_target(r->target));
	jsonw_bool(w, "exists", r->exists);
}

/* A look-up has no address and no port yet. */
static void write_host(struct json_writer *w, const struct consent_host_request *r)
{
	jsonw_string(w, "kind", "network");
	jsonw_string(w, "host", r->host);
	jsonw_string(w, "address", r->address);
	if (r->port)
		jsonw_int(w, "port", r->port);
	else
		jsonw_null(w, "port");
	jsonw_string(w, "protocol", r->protocol);
}

/* What a window shows beside the question itself. */
static void write_context(struct json_writer *w, const struct prompt_question *q)
{
	jsonw_string(w, "program", q->real);
	jsonw_string(w, "signer", q->signer);
	jsonw_string(w, "caution", q->caution);
	if (!q->host) {
		jsonw_bool(w, "may_widen", q->offer_folder);
		jsonw_bool(w, "folder_has_git", q->folder_has_git);
	}
	jsonw_int(w, "waiting", q->waiting);
}

int prompt_json_write(const struct prompt_question *q, char *buffer, size_t size)
{
	struct json_writer w;

	jsonw_init(&w, buffer, size);
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "v", 1);
	jsonw_int(&w, "id", q->id);
	jsonw_string(&w, "package", q->package);
	jsonw_string(&w, "app", q->app);
	jsonw_int(&w, "pid", q->request.pid);
	if (q->host)
		write_host(&w, q->host);
	else
		write_file(&w, &q->request);
	write_context(&w, q);
	jsonw_close(&w, '}');
	return jsonw_finish(&w);
}

static int bad(struct prompt_answer *ret, const char *what)
{
	prompt_fail(ret, "the prompter's answer is malformed: %s", what);
	return -EBADMSG;
}

/* A missing member keeps the default; one of another type or word is an error. */
static bool read_word(const json_t *object, const char *key, const char **ret)
{
	const json_t *value = json_object_get(object, key);

	*ret = NULL;
	if (!value)
		return true;
	*ret = json_string_value(value);
	return *ret != NULL;
}

/* How far an answer about a file reaches. */
static int read_reach(const json_t *object, struct prompt_answer *ret)
{
	const char *word;

	/* No to a folder without more words is No to that folder alone: what lies in it is
	 * asked for by itself. Yes to a folder is yes to what is in it. */
	if (ret->verdict == CONSENT_DENY)
		ret->target = CONSENT_FILE;
	if (!read_word(object, "target", &word) ||
	    (word && words_read_target(word, &ret->target) < 0))
		return bad(ret, "\"target\" must be \"file\" or \"folder\"");
	if (!read_word(object, "access", &word) ||
	    (word && words_read_access(word, &ret->access) < 0))
		return bad(ret, "\"access\" must be \"read\" or \"write\"");
	return 0;
}

static int read_host_reach(const json_t *object, struct prompt_answer *ret)
{
	const char *word;

	if (!read_word(object, "target", &word) ||
	    (word && strcmp(word, "port") != 0 && strcmp(word, "host") != 0))
		return bad(ret, "\"target\" must be \"port\" or \"host\"");
	ret->any_port = word && strcmp(word, "host") == 0;
	return 0;
}

static int read_members(const json_t *object, const struct prompt_question *q,
			struct prompt_answer *ret)
{
	const json_t *version = json_object_get(object, "v"), *id = json_object_get(object, "id"), *value;
	const char *word;

	if (!json_is_integer(version) || json_integer_value(version) != 1)
		return bad(ret, "\"v\" must be 1");
	if (!json_is_integer(id) || json_integer_value(id) != q->id)
		return bad(ret, "\"id\" is not the question's");
	if (!read_word(object, "decision", &word) || words_read_verdict(word, &ret->verdict) < 0)
		return bad(ret, "\"decision\" must be \"allow\" or \"deny\"");
	if (!read_word(object, "scope", &word) ||
	    (word && words_read_scope(word, &ret->scope) < 0))
		return bad(ret, "\"scope\" must be \"once\", \"session\" or \"always\"");
	value = json_object_get(object, "all");
	if (value && (!json_is_boolean(value) || (json_is_true(value) && ret->verdict != CONSENT_DENY)))
		return bad(ret, "\"all\" must be true or false, and goes with \"deny\"");
	ret->deny_all = json_is_true(value);
	return q->host ? read_host_reach(object, ret) : read_reach(object, ret);
}

int prompt_json_read(const char *line, size_t length, const struct prompt_question *q,
		     struct prompt_answer *ret)
{
	json_error_t error;
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	int r;

	*ret = (struct prompt_answer){
		.verdict = CONSENT_DENY,
		.scope = CONSENT_ONCE,
		.target = q->request.target,
		.access = q->request.access,
	};
	if (!json_is_object(object)) {
		json_decref(object);
		return bad(ret, "not one JSON object on one line");
	}
	r = read_members(object, q, ret);
	json_decref(object);
	return r;
}
