/* SPDX-License-Identifier: Apache-2.0 */
#include "server/routes.h"

#include <string.h>

const struct route serve_routes[] = {
	{"POST", "/v1/run", ROUTE_BODY, route_run},
	{"GET", "/v1/run/ws", ROUTE_SOCKET, route_run_socket},
	{"DELETE", "/v1/runs/*", 0, route_cancel},
	{"POST", "/v1/batch", ROUTE_BODY, route_batch},
	{"POST", "/v1/sessions", ROUTE_BODY | ROUTE_BODY_OPTIONAL, route_session_open},
	{"GET", "/v1/sessions", 0, route_session_list},
	{"DELETE", "/v1/sessions/*", 0, route_session_delete},
	{"POST", "/v1/sessions/*/run", ROUTE_BODY, route_session_run},
	{"GET", "/v1/sessions/*/run/ws", ROUTE_SOCKET, route_session_socket},
	{"POST", "/v1/sessions/*/reset", ROUTE_BODY | ROUTE_BODY_OPTIONAL, route_session_reset},
	{"GET", "/v1/sessions/*/files", 0, route_session_files},
	{"GET", "/v1/sessions/*/files/**", 0, route_session_get},
	{"PUT", "/v1/sessions/*/files/**", ROUTE_BYTES, route_session_put},
	{"DELETE", "/v1/sessions/*/files/**", 0, route_session_remove},
	{"POST", "/api/v2/execute", ROUTE_BODY | ROUTE_PISTON, route_piston_execute},
	{"GET", "/api/v2/runtimes", ROUTE_PISTON, route_piston_runtimes},
	{"POST", "/eval", ROUTE_BODY, route_snekbox},
	{"GET", "/healthz", ROUTE_OPEN, route_health},
	{"GET", "/readyz", ROUTE_OPEN, route_ready},
	{"GET", "/metrics", 0, route_metrics},
	{"GET", "/v1/limits", ROUTE_OPEN, route_limits},
	{"GET", "/openapi.json", ROUTE_OPEN, route_openapi},
	{"GET", "/", ROUTE_OPEN, route_playground},
	{"GET", "/playground.css", ROUTE_OPEN, route_playground_css},
	{"GET", "/playground.js", ROUTE_OPEN, route_playground_js},
	{"GET", "/editor.js", ROUTE_OPEN, route_playground_editor},
	{NULL, NULL, 0, NULL},
};

/* Does @path fit? What stands for stars goes to @ret. */
static bool fits(const char *pattern, const char *path, char ret[2][SEGMENT_MAX])
{
	size_t n = 0;

	ret[0][0] = ret[1][0] = '\0';
	while (*pattern) {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t length = pattern[1] == '*' ? strlen(path) : strcspn(path, "/");

		if (length == 0 || length >= SEGMENT_MAX)
			return false;
		memcpy(ret[n], path, length);
		ret[n++][length] = '\0';
		path += length;
		pattern += pattern[1] == '*' ? 2 : 1;
	}
	return !*path;
}

static bool is_method(const char *row, const char *method)
{
	/* A HEAD is a GET whose body the library leaves out. */
	return strcmp(row, method) == 0 || (strcmp(method, "HEAD") == 0 && strcmp(row, "GET") == 0);
}

static const char *word_for(bool get, bool post, bool put, bool delete)
{
	static const char *const words[] = {
		"",	   "GET, HEAD",		"POST",		"GET, HEAD, POST",
		"PUT",	   "GET, HEAD, PUT",	"POST, PUT",	"GET, HEAD, POST, PUT",
		"DELETE",  "GET, HEAD, DELETE", "POST, DELETE", "GET, HEAD, POST, DELETE",
		"PUT, DELETE", "GET, HEAD, PUT, DELETE", "POST, PUT, DELETE",
		"GET, HEAD, POST, PUT, DELETE"};

	return words[get | post << 1 | put << 2 | delete << 3];
}

const struct route *routes_find(struct exchange *x, const char **ret_allow)
{
	bool get = false, post = false, put = false, delete = false;

	*ret_allow = NULL;
	for (const struct route *row = x->server->routes; row->method; row++) {
		if (!fits(row->path, x->path, x->segment))
			continue;
		if (is_method(row->method, x->method))
			return row;
		get |= strcmp(row->method, "GET") == 0;
		post |= strcmp(row->method, "POST") == 0;
		put |= strcmp(row->method, "PUT") == 0;
		delete |= strcmp(row->method, "DELETE") == 0;
	}
	if (get || post || put || delete)
		*ret_allow = word_for(get, post, put, delete);
	return NULL;
}
