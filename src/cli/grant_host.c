/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/grant_host.h"

#include "base/clock.h"
#include "consent/words.h"
#include "network/host.h"
#include <string.h>

/* Into the one spelling. What is to be allowed must be something that can be. */
static int read_host(const char *command, const char *given, bool allow, char ret[HOST_TEXT_MAX],
		     struct appsilo_error *err)
{
	struct host_pattern pattern;
	int r = allow ? host_pattern_parse_allow(given, strlen(given), &pattern, err)
		      : host_pattern_parse(given, strlen(given), &pattern, err);

	if (r < 0)
		return error_prefix(err, "%s: --host", command);
	host_pattern_text(&pattern, ret);
	return 0;
}

void grant_host_members(struct json_writer *w, const char *host)
{
	struct host_pattern pattern;
	char text[HOST_TEXT_MAX];
	uint16_t port;

	if (host_pattern_parse(host, strlen(host), &pattern, NULL) < 0)
		return; /* the store gives no such one */
	port = pattern.port;
	pattern.port = 0;
	jsonw_string(w, "host", host_pattern_text(&pattern, text));
	if (port)
		jsonw_int(w, "port", port);
	else
		jsonw_null(w, "port");
}

static int print_json(const struct grant_hosts *hosts, const char *host,
		      const struct consent_host_rule *rule, int removed, bool first)
{
	char line[1024];
	struct json_writer w;
	int n;

	jsonw_init(&w, line, sizeof(line));
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "package", hosts->family);
	jsonw_string(&w, "kind", "network");
	grant_host_members(&w, host);
	if (rule) {
		jsonw_string(&w, "decision", words_verdict(rule->verdict));
		jsonw_string(&w, "source", words_source(rule->source));
	} else {
		jsonw_int(&w, "removed", removed);
	}
	jsonw_bool(&w, "done", !hosts->dry_run);
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	if (n < 0)
		return n;
	printf("%s\n  %.*s", first ? "[" : ",", n - 1, line);
	return 0;
}

static const char *who(const struct grant_hosts *hosts)
{
	return strcmp(hosts->family, CONSENT_ALL_FAMILIES) == 0 ? "every app" : hosts->family;
}

static int put_one(struct consent_store *store, const struct grant_hosts *hosts, const char *host,
		   bool first, struct appsilo_error *err)
{
	struct consent_host_rule rule = {
		.family = hosts->family,
		.host = host,
		.verdict = hosts->deny ? CONSENT_DENY : CONSENT_ALLOW,
		.source = CONSENT_FROM_GRANT,
		.time_ms = clock_realtime_ms(),
	};
	int r = hosts->dry_run ? 0 : consent_store_put_host(store, &rule, err);

	if (r == 0 && hosts->json)
		r = print_json(hosts, host, &rule, 0, first);
	else if (r == 0)
		printf("%s%s reaching %s for %s\n", hosts->dry_run ? "would " : "",
		       words_verdict(rule.verdict), host, who(hosts));
	return r;
}

int grant_hosts_put(struct consent_store *store, const struct grant_hosts *hosts,
		    struct appsilo_error *err)
{
	char host[HOST_TEXT_MAX];
	int r = 0;

	/* All are checked before the first is granted: nothing is half done. */
	for (size_t i = 0; r == 0 && i < 2 * hosts->n; i++) {
		r = read_host("grant", hosts->list[i % hosts->n], !hosts->deny, host, err);
		if (r == 0 && i >= hosts->n)
			r = put_one(store, hosts, host, i == hosts->n, err);
	}
	if (r == 0 && hosts->json)
		printf("\n]\n");
	return r;
}

struct counting {
	const char *host;
	int n;
};

static int count_rule(void *data, const struct consent_host_rule *rule)
{
	struct counting *c = data;

	c->n += strcmp(rule->host, c->host) == 0;
	return 0;
}

static int remove_one(struct consent_store *store, const struct grant_hosts *hosts,
		      const char *host, int *ret_count, struct appsilo_error *err)
{
	struct counting c = {.host = host};
	int r;

	if (!hosts->dry_run)
		return consent_store_remove_host(store, hosts->family, host, ret_count, err);
	r = consent_store_each_host(store, hosts->family, count_rule, &c, err);
	*ret_count = c.n;
	return r;
}

int grant_hosts_remove(struct consent_store *store, const struct grant_hosts *hosts, int *ret_count,
		       struct appsilo_error *err)
{
	char host[HOST_TEXT_MAX];
	int r = 0;

	*ret_count = 0;
	for (size_t i = 0; r == 0 && i < hosts->n; i++) {
		int count = 0;

		r = read_host("revoke", hosts->list[i], false, host, err);
		if (r == 0)
			r = remove_one(store, hosts, host, &count, err);
		if (r == 0 && hosts->json)
			r = print_json(hosts, host, NULL, count, i == 0);
		else if (r == 0 && (count > 0 || hosts->n > 1)) /* of one alone the error says it */
			printf("%s %d rule%s on %s\n", hosts->dry_run ? "would remove" : "removed",
			       count, count == 1 ? "" : "s", host);
		*ret_count += count;
	}
	if (r == 0 && hosts->json)
		printf("\n]\n");
	return r;
}
