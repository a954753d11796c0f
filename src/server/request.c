/* SPDX-License-Identifier: Apache-2.0 */
#include "server/request.h"

#include "base/base64.h"
#include "base/text.h"
#include "network/host.h"
#include "network/options.h"
#include "server/work_dir.h"
#include <string.h>

#define BAD "bad-request"

json_t *request_parse(const char *text, size_t size, struct api_error *e)
{
	json_error_t error;
	json_t *root = size ? json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error) : NULL;
	char shown[JSON_ERROR_TEXT_LENGTH];

	if (!size) {
		api_error_set(e, 400, "bad-json", "the body is empty; it must be a JSON object");
		return NULL;
	}
	if (!root) {
		/* What is near the mistake is the client's own bytes. */
		text_show(error.text, shown, sizeof(shown));
		api_error_set(e, 400, "bad-json", "line %d, column %d: %.200s", error.line,
			      error.column, shown);
		return NULL;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		api_error_set(e, 400, BAD, "the body must be a JSON object");
		return NULL;
	}
	return root;
}

json_t *request_parse_optional(const char *text, size_t size, struct api_error *e)
{
	return size ? request_parse(text, size, e) : request_parse("{}", 2, e);
}

static const char *show(const char *text, char shown[200])
{
	return text_show(text, shown, 200);
}

int request_only(const json_t *object, const char *const *names, const char *where,
		 struct api_error *e)
{
	const char *key;
	json_t *value;
	char shown[200];

	json_object_foreach((json_t *)object, key, value)
	{
		size_t i = 0;

		while (names[i] && strcmp(names[i], key) != 0)
			i++;
		if (!names[i])
			return api_error_set(e, 400, "unknown-field", "%s%s: there is no such field",
					     where, show(key, shown));
	}
	return 0;
}

static int wrong_type(const char *key, const char *what, struct api_error *e)
{
	return api_error_set(e, 400, BAD, "%s must be %s", key, what);
}

static bool has_nul(const json_t *string)
{
	return strlen(json_string_value(string)) != json_string_length(string);
}

int request_string(const json_t *object, const char *key, const char **ret, struct api_error *e)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_string(value) || has_nul(value))
		return wrong_type(key, "a string without NUL", e);
	*ret = json_string_value(value);
	return 0;
}

int request_bool(const json_t *object, const char *key, bool *ret, struct api_error *e)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return wrong_type(key, "true or false", e);
	*ret = json_is_true(value);
	return 0;
}

void *request_own(struct run_request *r, void *p)
{
	void **bigger = p ? reallocarray(r->owned, r->n_owned + 1, sizeof(*bigger)) : NULL;

	if (!bigger) {
		free(p);
		return NULL;
	}
	r->owned = bigger;
	r->owned[r->n_owned++] = p;
	return p;
}

static int no_memory(struct api_error *e)
{
	return api_error_set(e, 503, "no-memory", "the server is out of memory");
}

int request_bytes(struct run_request *r, const json_t *object, const char *key, const char **ret,
		  size_t *ret_size, struct api_error *e)
{
	const json_t *value = json_object_get(object, key);
	bool encoded = false;
	unsigned char *bytes;
	char flag[64];
	int err;

	snprintf(flag, sizeof(flag), "%s_base64", key);
	err = request_bool(object, flag, &encoded, e);
	if (err < 0 || !value)
		return err;
	if (!json_is_string(value))
		return wrong_type(key, "a string", e);
	*ret = json_string_value(value);
	*ret_size = json_string_length(value);
	if (!encoded)
		return 0;
	bytes = request_own(r, malloc(*ret_size + 1));
	if (!bytes)
		return no_memory(e);
	if (base64_decode(*ret, *ret_size, bytes, ret_size) < 0)
		return api_error_set(e, 400, BAD, "%s is not base64", key);
	*ret = (const char *)bytes;
	return 0;
}

int request_words(const json_t *object, const char *key, size_t max, const char **ret,
		  size_t *ret_n, struct api_error *e)
{
	const json_t *list = json_object_get(object, key), *value;
	size_t i, bytes = 0;

	if (!list)
		return 0;
	if (!json_is_array(list))
		return wrong_type(key, "an array of strings", e);
	if (json_array_size(list) > max)
		return api_error_set(e, 400, BAD, "%s has more than %zu entries", key, max);
	json_array_foreach(list, i, value)
	{
		if (!json_is_string(value) || has_nul(value))
			return wrong_type(key, "an array of strings without NUL", e);
		ret[i] = json_string_value(value);
		bytes += json_string_length(value) + 1;
	}
	if (bytes > REQUEST_WORD_BYTES)
		return api_error_set(e, 413, "too-large", "%s is larger than %d bytes", key, REQUEST_WORD_BYTES);
	*ret_n = i;
	return 0;
}

int request_limit(const json_t *object, const char *key, uint64_t *value, struct api_error *e)
{
	const json_t *asked = json_object_get(object, key);
	json_int_t n;

	if (!asked)
		return 0;
	n = json_integer_value(asked);
	if (!json_is_integer(asked) || n <= 0)
		return wrong_type(key, "a whole number above 0", e);
	if ((uint64_t)n > *value)
		return api_error_set(e, 422, "limit-too-high", "%s: at most %llu here", key,
				     (unsigned long long)*value);
	*value = (uint64_t)n;
	return 0;
}

int request_memory(const json_t *object, const char *key, uint64_t *value, struct api_error *e)
{
	int r = request_limit(object, key, value, e);

	if (r < 0 || !json_object_get(object, key) || *value >= SANDBOX_MEMORY_MIN)
		return r;
	return api_error_set(e, 400, BAD, "%s: at least %u: with less no interpreter starts", key, SANDBOX_MEMORY_MIN);
}

static int take_limits(const json_t *object, struct sandbox_limits *l, struct api_error *e)
{
	static const char *const names[] = {"wall_ms", "cpu_ms", "memory_bytes", "pids",
					    "disk_bytes", "file_bytes", "output_bytes", NULL};
	uint64_t *const values[] = {&l->wall_ms, &l->cpu_ms, &l->memory_bytes, &l->pids,
				    &l->disk_bytes, &l->file_bytes, &l->output_bytes};
	const json_t *limits = json_object_get(object, "limits");
	int r = 0;

	if (!limits)
		return 0;
	if (!json_is_object(limits))
		return wrong_type("limits", "an object", e);
	r = request_only(limits, names, "limits.", e);
	for (size_t i = 0; r == 0 && names[i]; i++)
		r = (values[i] == &l->memory_bytes ? request_memory : request_limit)(limits, names[i], values[i], e);
	return r;
}

static int no_network(struct api_error *e)
{
	return api_error_set(e, 422, "network-not-allowed",
			     "network: the server allows runs no such network");
}

static int take_hosts(struct run_request *r, const json_t *network,
		      const struct request_policy *policy, struct api_error *e)
{
	static const char *const names[] = {"hosts", NULL};
	struct appsilo_error why;
	char shown[200];
	int err = request_only(network, names, "network.", e);

	if (err == 0)
		err = request_words(network, "hosts", REQUEST_HOSTS_MAX, r->hosts, &r->n_hosts, e);
	if (err == 0 && r->n_hosts && !(policy->net_capabilities))
		return no_network(e);
	for (size_t i = 0; err == 0 && i < r->n_hosts; i++) {
		struct host_pattern pattern;

		if (host_pattern_parse_allow(r->hosts[i], strlen(r->hosts[i]), &pattern, &why) < 0)
			return api_error_set(e, 400, BAD, "network.hosts: %s: not a host",
					     show(r->hosts[i], shown));
		/* An address would open private networks too, and what serves there
		 * (CVE-2024-29021); a name never leads into one. */
		if (pattern.kind == HOST_NETWORK)
			return api_error_set(e, 422, "network-not-allowed",
					     "network.hosts: %s: only names", show(r->hosts[i], shown));
	}
	return err;
}

static int take_network(struct run_request *r, const json_t *object,
			const struct request_policy *policy, struct api_error *e)
{
	const json_t *network = json_object_get(object, "network");
	struct appsilo_error why;
	unsigned int asked = 0;

	r->net = "none";
	if (!network)
		return 0;
	if (json_is_object(network))
		return take_hosts(r, network, policy, e);
	if (!json_is_string(network) || has_nul(network) ||
	    net_parse_modes(json_string_value(network), &asked, &why) < 0)
		return wrong_type("network", "none, client, client-server, private, or {\"hosts\": [...]}", e);
	if (asked & ~policy->net_capabilities)
		return no_network(e);
	r->net = json_string_value(network);
	return 0;
}

static bool is_variable(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return *name && !(*name >= '0' && *name <= '9') && strlen(name) < 256 &&
	       strspn(name, letters) == strlen(name);
}

static int take_env(struct run_request *r, const json_t *object, struct api_error *e)
{
	json_t *env = json_object_get(object, "env"), *value;
	const char *key;
	char shown[200];
	size_t bytes = 0;

	if (!env)
		return 0;
	if (!json_is_object(env))
		return wrong_type("env", "an object of strings", e);
	if (json_object_size(env) > REQUEST_ENV_MAX)
		return api_error_set(e, 400, BAD, "env has more than %d entries", REQUEST_ENV_MAX);
	json_object_foreach(env, key, value)
	{
		char *line = NULL;

		if (!is_variable(key) || !json_is_string(value) || has_nul(value))
			return api_error_set(e, 400, BAD, "env.%s: not a variable with a value",
					     show(key, shown));
		if (asprintf(&line, "%s=%s", key, json_string_value(value)) < 0 ||
		    !request_own(r, line))
			return no_memory(e);
		r->env[r->n_env++] = line;
		bytes += strlen(line) + 1;
	}
	if (bytes > REQUEST_WORD_BYTES)
		return api_error_set(e, 413, "too-large", "env is larger than %d bytes", REQUEST_WORD_BYTES);
	return 0;
}

static bool is_folder_of(const char *folder, const char *name)
{
	size_t n = strlen(folder);

	return strncmp(folder, name, n) == 0 && name[n] == '/';
}

int request_add_file(struct run_request *r, const char *name, size_t name_length, const char *data,
		     size_t size, struct api_error *e)
{
	char shown[200];

	if (strlen(name) != name_length || !work_dir_is_name(name, name_length) ||
	    strncmp(name, WORK_OWN_FOLDER, strlen(WORK_OWN_FOLDER)) == 0)
		return api_error_set(e, 400, "bad-file-name", "%s: not a relative file name",
				     show(name, shown));
	if (r->n_files == REQUEST_FILES_MAX)
		return api_error_set(e, 400, BAD, "more than %d files", REQUEST_FILES_MAX);
	for (size_t i = 0; i < r->n_files; i++) {
		const char *other = r->files[i].name;

		if (strcmp(other, name) == 0)
			return api_error_set(e, 400, "bad-file-name", "%s: given twice",
					     show(name, shown));
		if (is_folder_of(other, name) || is_folder_of(name, other))
			return api_error_set(e, 400, "bad-file-name",
					     "%s: of two files one would have to be the other's folder",
					     show(name, shown));
	}
	r->files[r->n_files++] = (struct request_file){name, data, size};
	return 0;
}

static int take_file(struct run_request *r, const json_t *file, struct api_error *e)
{
	static const char *const names[] = {"name", "content", "content_base64", NULL};
	const json_t *name = json_object_get(file, "name");
	const char *data = NULL;
	size_t size = 0;
	int err;

	if (!json_is_object(file))
		return wrong_type("files", "an array of objects", e);
	err = request_only(file, names, "files.", e);
	if (err == 0)
		err = request_bytes(r, file, "content", &data, &size, e);
	if (err < 0)
		return err;
	if (!json_is_string(name) || !data)
		return wrong_type("files", "objects with name and content", e);
	return request_add_file(r, json_string_value(name), json_string_length(name), data, size, e);
}

static int take_entry(struct run_request *r, const json_t *object, struct api_error *e)
{
	int err = request_string(object, "entry", &r->entry, e);

	if (err < 0)
		return err;
	for (size_t i = 0; r->entry && i < r->n_files; i++)
		if (strcmp(r->files[i].name, r->entry) == 0)
			return 0;
	return api_error_set(e, 400, BAD, "entry must name one of files");
}

static int take_code(struct run_request *r, const json_t *object, struct api_error *e)
{
	const json_t *files = json_object_get(object, "files"), *file;
	const json_t *code = json_object_get(object, "code");
	size_t i;
	int err = 0;

	if (!code == !files)
		return api_error_set(e, 400, BAD, "give code, or files and entry");
	if (code && json_object_get(object, "entry"))
		return api_error_set(e, 400, BAD, "entry goes with files, not with code");
	if (code && !json_is_string(code))
		return wrong_type("code", "a string", e);
	if (code) {
		r->entry = r->runtime->file;
		return request_add_file(r, r->entry, strlen(r->entry), json_string_value(code),
					json_string_length(code), e);
	}
	if (!json_is_array(files))
		return wrong_type("files", "an array", e);
	r->of_files = true;
	json_array_foreach(files, i, file)
	{
		err = take_file(r, file, e);
		if (err < 0)
			return err;
	}
	return take_entry(r, object, e);
}

static int take_language(struct run_request *r, const json_t *object,
			 const struct request_policy *policy, struct api_error *e)
{
	const char *language = runtimes[0].language;
	char shown[200];
	int err = request_string(object, "language", &language, e);

	if (err == 0)
		err = request_string(object, "package", &r->package, e);
	if (err < 0)
		return err;
	if (r->package && !policy->has_package(policy->data, r->package))
		return api_error_set(e, 422, "unknown-package", "%s: no such package is installed",
				     show(r->package, shown));
	r->runtime = runtime_find(language);
	if (!r->runtime || (!r->package && !policy->versions->version[r->runtime - runtimes][0]))
		return api_error_set(e, 422, "unknown-language", "%s: not offered here",
				     show(language, shown));
	return 0;
}

int request_settings(const json_t *object, const struct request_policy *policy,
		     struct run_request *r, struct api_error *e)
{
	int err = take_language(r, object, policy, e);

	r->limits = policy->limits;
	if (err == 0)
		err = take_env(r, object, e);
	if (err == 0)
		err = take_limits(object, &r->limits, e);
	return err < 0 ? err : take_network(r, object, policy, e);
}

int request_program(const json_t *object, const struct request_policy *policy,
		    struct run_request *r, struct api_error *e)
{
	int err = request_settings(object, policy, r, e);

	return err < 0 ? err : take_code(r, object, e);
}

static int take_return(struct run_request *r, const json_t *object, struct api_error *e)
{
	const char *wanted[2];
	size_t n = 0;
	int err = request_words(object, "return", ARRAY_SIZE(wanted), wanted, &n, e);

	for (size_t i = 0; err == 0 && i < n; i++) {
		if (strcmp(wanted[i], "files") == 0)
			r->return_files = true;
		else if (strcmp(wanted[i], "pictures") == 0)
			r->return_pictures = true;
		else
			err = wrong_type("return", "an array of \"files\" and \"pictures\"", e);
	}
	return err;
}

/* What belongs to one run. */
static int take_run(struct run_request *r, struct api_error *e)
{
	int err = request_words(r->root, "argv", REQUEST_WORDS_MAX, r->argv, &r->n_argv, e);

	if (err == 0)
		err = request_bytes(r, r->root, "stdin", &r->stdin_data, &r->stdin_size, e);
	if (err == 0)
		err = request_bool(r->root, "stream", &r->stream, e);
	return err < 0 ? err : take_return(r, r->root, e);
}

int request_decode(const char *text, size_t size, const struct request_policy *policy,
		   struct run_request *ret, struct api_error *e)
{
	static const char *const names[] = {"package", "language", "code", "files", "entry", "argv",
					    "stdin", "stdin_base64", "env", "limits", "network",
					    "stream", "return", NULL};
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->root = request_parse(text, size, e);
	if (!ret->root)
		return -EINVAL;
	err = request_only(ret->root, names, "", e);
	if (err == 0)
		err = request_program(ret->root, policy, ret, e);
	return err < 0 ? err : take_run(ret, e);
}

int request_decode_in(const char *text, size_t size, const struct run_request *defaults,
		      struct run_request *ret, struct api_error *e)
{
	static const char *const names[] = {"code", "files", "entry", "argv", "stdin", "stdin_base64",
					    "limits", "stream", "return", NULL};
	int err;

	*ret = *defaults;
	ret->owned = NULL;
	ret->n_owned = 0;
	ret->root = request_parse(text, size, e);
	if (!ret->root)
		return -EINVAL;
	err = request_only(ret->root, names, "", e);
	if (err == 0)
		err = take_code(ret, ret->root, e);
	if (err == 0)
		err = take_limits(ret->root, &ret->limits, e);
	return err < 0 ? err : take_run(ret, e);
}

int request_without_input(const struct run_request *r, struct api_error *e)
{
	return r->stdin_data ? api_error_set(e, 400, "bad-request", "stdin: send it in messages of its own") : 0;
}

void request_done(struct run_request *r)
{
	for (size_t i = 0; i < r->n_owned; i++)
		free(r->owned[i]);
	free(r->owned);
	json_decref(r->root);
	memset(r, 0, sizeof(*r));
}
