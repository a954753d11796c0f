/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client asks to be run, decoded strictly from JSON: unknown fields, wrong types, and
 * limits above the server's own are refused. Shared by all request shapes. docs: appsilo-serve(1).
 * One thread at a time per object.
 */
#ifndef APPSILO_SERVER_REQUEST_H
#define APPSILO_SERVER_REQUEST_H

#include "server/api_error.h"
#include "server/runtimes.h"
#include "server/sandbox.h"
#include <jansson.h>

#define REQUEST_FILES_MAX 256
#define REQUEST_WORDS_MAX 256
#define REQUEST_ENV_MAX 64
#define REQUEST_HOSTS_MAX 32
#define REQUEST_WORD_BYTES 100000 /* of all words of a list: execve(2) has limits of its own */

/* What the server allows. Borrowed by decoders. */
struct request_policy {
	struct sandbox_limits limits;
	unsigned int net_capabilities;
	const struct runtime_versions *versions;
	/* Is a package of this family name installed? */
	bool (*has_package)(void *data, const char *family);
	void *data;
};

struct request_file {
	const char *name;
	const char *data;
	size_t size;
};

/* Strings are borrowed from the JSON or from what it owns. */
struct run_request {
	json_t *root; /* owned */
	void **owned; /* owned, and what it points to */
	size_t n_owned;
	const char *package, *entry, *net;
	const struct runtime *runtime;
	bool of_files; /* "files" and "entry", not "code" */
	struct request_file files[REQUEST_FILES_MAX];
	size_t n_files;
	const char *argv[REQUEST_WORDS_MAX + 1];
	size_t n_argv;
	const char *env[REQUEST_ENV_MAX + 4];
	size_t n_env;
	const char *hosts[REQUEST_HOSTS_MAX + 1];
	size_t n_hosts;
	const char *stdin_data;
	size_t stdin_size;
	struct sandbox_limits limits;
	bool stream, return_files, return_pictures;
	bool bare; /* argv is the whole command */
};

/** Parse one JSON object, strictly. NULL with @e set. Owned by the caller. */
json_t *request_parse(const char *text, size_t size, struct api_error *e);
/** The same, where nothing stands for an object without fields. */
json_t *request_parse_optional(const char *text, size_t size, struct api_error *e);

/** Decode the body of /v1/run. Returns 0; -EINVAL with @e set. request_done() in any case. */
int request_decode(const char *text, size_t size, const struct request_policy *policy,
		   struct run_request *ret, struct api_error *e) must_check;
/** The same in a session, whose settings are @defaults; they have to outlive @ret. */
int request_decode_in(const char *text, size_t size, const struct run_request *defaults,
		      struct run_request *ret, struct api_error *e) must_check;
/** Input comes while it runs: refuse what came with the request. Returns 0; -EINVAL with @e set. */
int request_without_input(const struct run_request *r, struct api_error *e) must_check;
void request_done(struct run_request *r);

/* The parts, for other shapes. Each returns 0, or -EINVAL with @e set. */

/** Refuse a field of @object whose name is not in @names (NULL-terminated). */
int request_only(const json_t *object, const char *const *names, const char *where,
		 struct api_error *e) must_check;
/** package, language, env, limits, network. */
int request_settings(const json_t *object, const struct request_policy *policy,
		     struct run_request *ret, struct api_error *e) must_check;
/** These, and code or files and entry. */
int request_program(const json_t *object, const struct request_policy *policy,
		    struct run_request *ret, struct api_error *e) must_check;
/** A string without NUL; NULL and 0 when missing. */
int request_string(const json_t *object, const char *key, const char **ret,
		   struct api_error *e) must_check;
/** Text or, with KEY_base64: true, bytes. Missing: NULL and 0. */
int request_bytes(struct run_request *r, const json_t *object, const char *key, const char **ret,
		  size_t *ret_size, struct api_error *e) must_check;
/** An array of words into @ret. */
int request_words(const json_t *object, const char *key, size_t max, const char **ret,
		  size_t *ret_n, struct api_error *e) must_check;
int request_bool(const json_t *object, const char *key, bool *ret, struct api_error *e) must_check;
/** Lower *value to what is asked; more than it holds is refused. */
int request_limit(const json_t *object, const char *key, uint64_t *value,
		  struct api_error *e) must_check;
/** As request_limit(), of memory: less than any interpreter starts with is refused. */
int request_memory(const json_t *object, const char *key, uint64_t *value, struct api_error *e) must_check;
/** A file under a name that is checked. @data borrowed. */
int request_add_file(struct run_request *r, const char *name, size_t name_length, const char *data,
		     size_t size, struct api_error *e) must_check;
/** Hand over @p, from malloc. Returns @p; NULL when there is no memory, and frees it. */
void *request_own(struct run_request *r, void *p);

#endif
