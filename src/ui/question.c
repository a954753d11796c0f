/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/question.h"

#include "base/json.h"
#include "base/text.h"
#include "consent/words.h"
#include <jansson.h>
#include <string.h>

/*
 * A byte of a name that is not UTF-8 comes as a lone surrogate, which jansson takes for an error. It
 * is read as a NUL, which no name has, followed by the byte as a code point.
 */
static char *without_surrogates(const char *line, size_t length, size_t *ret_length)
{
	char *text = malloc(2 * length + 1), *to = text;

	for (size_t i = 0; text && i < length;) {
		bool lone = length - i >= 6 && strncmp(line + i, "\\udc", 4) == 0;
		size_t n = lone ? 6 : line[i] == '\\' && length - i >= 2 ? 2 : 1;

		if (lone)
			to += sprintf(to, "\\u0000\\u00%.2s", line + i + 4);
		else
			to = (char *)mempcpy(to, line + i, n);
		i += n;
	}
	if (text)
		*ret_length = (size_t)(to - text);
	return text;
}

/* Back to bytes. NULL for what no name can be. */
static char *bytes_of(const json_t *value)
{
	const char *from = json_string_value(value);
	size_t left = json_string_length(value), n;
	char *bytes = malloc(left + 1), *to = bytes;
	uint32_t c;

	for (; bytes && left > 0; from += n, left -= n) {
		n = 1;
		if (*from) {
			*to++ = *from;
			continue;
		}
		n = left > 1 ? text_decode((const unsigned char *)from + 1, left - 1, &c) : 0;
		if (n == 0 || c < 0x80 || c > 0xff) {
			free(bytes);
			return NULL;
		}
		*to++ = (char)c;
		n++;
	}
	if (bytes)
		*to = '\0';
	return bytes;
}

/* A string; NULL for null and a missing member only. */
static bool read_string(const json_t *object, const char *key, char **ret)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_string(value))
		*ret = bytes_of(value);
	return *ret || !value || json_is_null(value);
}

static bool read_needed(const json_t *object, const char *key, const char **ret)
{
	char *text = NULL;

	if (!read_string(object, key, &text) || !text)
		return false;
	*ret = text;
	return true;
}

static bool read_number(const json_t *object, const char *key, json_int_t least, json_int_t most,
			json_int_t *ret)
{
	const json_t *value = json_object_get(object, key);

	*ret = json_integer_value(value);
	return json_is_integer(value) && *ret >= least && *ret <= most;
}

static bool read_file(const json_t *object, struct question *q)
{
	struct consent_request *r = &q->file;

	q->may_widen = json_is_true(json_object_get(object, "may_widen"));
	q->folder_has_git = json_is_true(json_object_get(object, "folder_has_git"));
	r->exists = json_is_true(json_object_get(object, "exists"));
	return read_needed(object, "path", &r->path) && r->path[0] == '/' &&
	       read_needed(object, "operation", &r->operation) &&
	       words_read_access(json_string_value(json_object_get(object, "access")), &r->access) == 0 &&
	       words_read_target(json_string_value(json_object_get(object, "target")), &r->target) == 0;
}

static bool read_host(const json_t *object, struct question *q)
{
	json_int_t port = 0;

	if (!json_is_null(json_object_get(object, "port")) && !read_number(object, "port", 1, 65535, &port))
		return false;
	q->network = true;
	q->host.port = (uint16_t)port;
	return read_needed(object, "host", &q->host.host) &&
	       read_needed(object, "protocol", &q->host.protocol) &&
	       read_string(object, "address", (char **)&q->host.address);
}

static bool read_members(const json_t *object, struct question *q)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	json_int_t pid, waiting;

	if (!kind || !read_number(object, "pid", 0, INT32_MAX, &pid) ||
	    !read_number(object, "waiting", 0, INT32_MAX, &waiting) ||
	    !read_needed(object, "package", (const char **)&q->package) ||
	    !read_needed(object, "app", (const char **)&q->app) ||
	    !read_needed(object, "program", (const char **)&q->program) ||
	    !read_string(object, "signer", &q->signer) || !read_string(object, "caution", &q->caution))
		return false;
	q->waiting = (unsigned int)waiting;
	q->file.pid = q->host.pid = (pid_t)pid;
	return strcmp(kind, "file") == 0      ? read_file(object, q)
	       : strcmp(kind, "network") == 0 ? read_host(object, q)
					      : false;
}

static bool read_line(const json_t *object, struct question *q, int64_t *ret_waiting_id)
{
	json_int_t version, id, waiting;

	if (!read_number(object, "v", 1, 1, &version) || !read_number(object, "id", 1, INT64_MAX, &id))
		return false;
	q->id = id;
	*ret_waiting_id = 0;
	if (json_object_size(object) > 3)
		return read_members(object, q);
	if (!read_number(object, "waiting", 0, INT32_MAX, &waiting))
		return false;
	q->waiting = (unsigned int)waiting;
	*ret_waiting_id = id;
	return true;
}

int question_read(const char *line, size_t length, struct question *ret, int64_t *ret_waiting_id)
{
	json_error_t error;
	size_t size = 0;
	cleanup_free char *text = without_surrogates(line, length, &size);
	json_t *object = text ? json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error) : NULL;
	bool good;

	*ret = (struct question){0};
	good = json_is_object(object) && read_line(object, ret, ret_waiting_id);
	json_decref(object);
	if (good)
		return 0;
	question_done(ret);
	return text ? -EBADMSG : -ENOMEM;
}

int question_answer(const struct question *q, const struct answer *answer, char *buffer, size_t size)
{
	struct json_writer w;

	jsonw_init(&w, buffer, size);
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "v", 1);
	jsonw_int(&w, "id", q->id);
	jsonw_string(&w, "decision", words_verdict(answer->allow ? CONSENT_ALLOW : CONSENT_DENY));
	jsonw_string(&w, "scope", words_scope(answer->scope));
	if (q->network) {
		jsonw_string(&w, "target", answer->wide ? "host" : "port");
	} else {
		jsonw_string(&w, "target",
			     words_target(answer->wide ? CONSENT_FOLDER : CONSENT_FILE));
		jsonw_string(&w, "access", words_access(answer->access));
	}
	if (answer->all)
		jsonw_bool(&w, "all", true);
	jsonw_close(&w, '}');
	return jsonw_finish(&w);
}

void question_done(struct question *q)
{
	free(q->package);
	free(q->app);
	free(q->program);
	free(q->signer);
	free(q->caution);
	free((char *)q->file.path);
	free((char *)q->file.operation);
	free((char *)q->host.host);
	free((char *)q->host.address);
	free((char *)q->host.protocol);
	*q = (struct question){0};
}
