/* SPDX-License-Identifier: Apache-2.0 */
#include "server/admission.h"

#include "server/handshake.h"
#include "server/routes.h"
#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

/* The host of a Host header, without the port. */
static void host_name(const char *value, char ret[256])
{
	size_t n = *value == '[' ? strcspn(value, "]") + 1 : strcspn(value, ":");

	snprintf(ret, 256, "%.*s", (int)n, value);
}

static bool is_literal(const char *host)
{
	char address[256];
	unsigned char bytes[16];

	if (*host != '[')
		return inet_pton(AF_INET, host, bytes) == 1;
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(host + 1, "]"), host + 1);
	return inet_pton(AF_INET6, address, bytes) == 1;
}

/* A page elsewhere whose name was made to lead here (DNS rebinding) would speak as its user,
 * who needs no token: only names that cannot lead anywhere else count. */
static bool is_host_ours(const struct exchange *x)
{
	const char *value = exchange_header(x, "Host");
	char host[256];

	if (!x->server->tenants.open)
		return true;
	if (!value)
		return false;
	host_name(value, host);
	return strcasecmp(host, "localhost") == 0 || is_literal(host);
}

/* Pages of other origins may not even try, unless one is named with --cors-origin. */
static bool is_origin_ours(const struct exchange *x)
{
	const char *origin = exchange_header(x, "Origin"), *host = exchange_header(x, "Host"), *scheme_end;

	if (!origin)
		return true;
	if (x->server->options.cors_origin && strcmp(origin, x->server->options.cors_origin) == 0)
		return true;
	scheme_end = strstr(origin, "://");
	return host && scheme_end && strcasecmp(scheme_end + 3, host) == 0;
}

static bool is_json(const char *type)
{
	size_t n = type ? strcspn(type, "; \t") : 0;

	return n == strlen(TYPE_JSON) && strncasecmp(type, TYPE_JSON, n) == 0;
}

static void answer_preflight(struct exchange *x)
{
	x->status = 204;
	x->type = TYPE_JSON;
	x->fixed_reply = "";
}

/* What a browser asks before it lets a page ask. */
static bool is_preflight(const struct exchange *x)
{
	return x->server->options.cors_origin && strcmp(x->method, "OPTIONS") == 0 &&
	       exchange_header(x, "Origin") && exchange_header(x, "Access-Control-Request-Method");
}

static int find_route(struct exchange *x)
{
	static const struct route preflight = {"OPTIONS", "", ROUTE_OPEN, answer_preflight};

	if (is_preflight(x)) {
		x->route = &preflight;
		return 0;
	}
	x->route = routes_find(x, &x->allow);
	if (x->route)
		return 0;
	if (x->allow)
		return api_error_set(&x->error, 405, "method-not-allowed", "use %s", x->allow);
	return api_error_set(&x->error, 404, "not-found", "there is nothing at this path");
}

static bool does_without(const struct exchange *x, unsigned long long announced)
{
	return x->route->flags & ROUTE_BODY_OPTIONAL && !announced && !exchange_header(x, "Transfer-Encoding");
}

static int check_body(struct exchange *x, unsigned long long announced)
{
	uint64_t most = x->route->flags & (ROUTE_BODY | ROUTE_BYTES) ? x->server->options.body_bytes : 0;

	if (announced > most)
		return api_error_set(&x->error, 413, "too-large", "the body is larger than %llu bytes",
				     (unsigned long long)most);
	/* A form of another page cannot send this type without asking first. */
	if (x->route->flags & ROUTE_BODY && !does_without(x, announced) && !is_json(exchange_header(x, "Content-Type")))
		return api_error_set(&x->error, 415, "unsupported-type",
				     "Content-Type must be application/json");
	return 0;
}

static struct tenant *find_tenant(struct exchange *x)
{
	const char *given = exchange_header(x, "Authorization");
	char credentials[HANDSHAKE_CREDENTIALS_MAX];

	if (!given && x->route->flags & ROUTE_SOCKET && handshake_credentials(x, credentials))
		given = credentials;
	return tenants_find(&x->server->tenants, given);
}

static int check(struct exchange *x, unsigned long long announced)
{
	if (!is_host_ours(x))
		return api_error_set(&x->error, 421, "wrong-host",
				     "without tokens, Host must be localhost or an address");
	if (!is_origin_ours(x))
		return api_error_set(&x->error, 403, "wrong-origin", "pages of this origin may not ask");
	if (find_route(x) < 0)
		return -EINVAL;
	x->tenant = find_tenant(x);
	if (!x->tenant && !(x->route->flags & ROUTE_OPEN))
		return api_error_set(&x->error, 401, "unauthorized", "a bearer token is needed");
	return check_body(x, announced);
}

size_t admission_check(struct exchange *x)
{
	const char *length = exchange_header(x, "Content-Length"), *accept = exchange_header(x, "Accept");
	unsigned long long announced = length ? strtoull(length, NULL, 10) : 0;

	x->wants_events = accept && strstr(accept, "text/event-stream");
	if (check(x, announced) < 0)
		return 0;
	/* In chunks: any size, so any time for it. */
	return length ? (size_t)announced : (size_t)x->server->options.body_bytes;
}

void admission_headers(const struct exchange *x, struct MHD_Response *response)
{
	const char *allowed = x->server->options.cors_origin, *origin = exchange_header(x, "Origin");

	if (!allowed)
		return;
	(void)MHD_add_response_header(response, "Vary", "Origin");
	if (!origin || strcmp(origin, allowed) != 0)
		return;
	(void)MHD_add_response_header(response, "Access-Control-Allow-Origin", allowed);
	(void)MHD_add_response_header(response, "Access-Control-Allow-Headers",
				      "authorization, content-type");
	(void)MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST, PUT, DELETE");
}
