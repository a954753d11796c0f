/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loopback: which ports of this machine an app may reach. No capability opens them: what
 * listens on loopback (databases, debuggers, agents) trusts whoever can connect.
 */
#include "cli/command.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "consent/store_hosts.h"
#include "network/host.h"
#include <string.h>

#define NAME "localhost"

enum {
	OPT_JSON,
};

static const struct option_row loopback_options[] = {
	{OPT_JSON, "--json", NULL, "list: as a JSON array"},
	{0, NULL, NULL, NULL},
};

struct listing {
	bool json;
	size_t n;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	((struct listing *)data)->json = true;
	return 0;
}

/* 0: a rule about something else. */
static unsigned int port_of(const struct consent_host_rule *rule)
{
	struct host_pattern p;

	if (rule->verdict != CONSENT_ALLOW ||
	    host_pattern_parse(rule->host, strlen(rule->host), &p, NULL) < 0 ||
	    p.kind != HOST_NAME || strcmp(p.name, NAME) != 0)
		return 0;
	return p.port;
}

static int print_rule(void *data, const struct consent_host_rule *rule)
{
	struct listing *l = data;
	unsigned int port = port_of(rule);
	char line[512];
	struct json_writer w;
	int n;

	if (port == 0)
		return 0;
	if (!l->json) {
		printf("%-5u  %s\n", port, rule->family);
		l->n++;
		return 0;
	}
	jsonw_init(&w, line, sizeof(line));
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "package", rule->family);
	jsonw_int(&w, "port", port);
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	if (n < 0)
		return n;
	printf("%s\n  %.*s", l->n++ ? "," : "", n - 1, line);
	return 0;
}

static int list(struct consent_store *store, struct listing *l, struct appsilo_error *err)
{
	if (l->json)
		printf("[");
	if (consent_store_each_host(store, NULL, print_rule, l, err) < 0)
		return EXIT_FAILED;
	if (l->json)
		printf("%s]\n", l->n ? "\n" : "");
	else if (l->n == 0)
		printf("no app reaches a port of this machine\n");
	return EXIT_OK;
}

static int add(struct consent_store *store, const char *family, const char *host,
	       struct appsilo_error *err)
{
	struct consent_host_rule rule = {
		.family = family,
		.host = host,
		.verdict = CONSENT_ALLOW,
		.source = CONSENT_FROM_GRANT,
		.time_ms = clock_realtime_ms(),
	};

	if (consent_store_put_host(store, &rule, err) < 0)
		return EXIT_FAILED;
	printf("%s may reach port %s of this machine\n", family, host + strlen(NAME ":"));
	return EXIT_OK;
}

static int take_out(struct consent_store *store, const char *family, const char *host,
		    struct appsilo_error *err)
{
	int count = 0;

	if (consent_store_remove_host(store, family, host, &count, err) < 0)
		return EXIT_FAILED;
	if (count == 0) {
		error_say(err, -ENOENT, "loopback: %s does not reach this port; see appsilo loopback list",
			  family);
		return EXIT_FAILED;
	}
	printf("removed; what is connected stays connected, and an app started without prompts (server mode) "
	       "keeps the port until it ends\n");
	return EXIT_OK;
}

static int run_loopback(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	struct listing l = {0};
	struct places places;
	char host[32], shown[256];
	uint64_t port = 0;
	int code;
	int words = command_options(argc, argv, loopback_options, take, &l, err);
	const char *verb = words > 0 ? argv[1] : "";
	bool adds = words == 3 && strcmp(verb, "add") == 0;
	bool removes = words == 3 && strcmp(verb, "remove") == 0;
	bool lists = words == 1 && strcmp(verb, "list") == 0;

	if (words >= 0 && !lists && (l.json || (!adds && !removes)))
		words = error_say(err, -EINVAL, "loopback: use loopback add FAMILY PORT, loopback list "
						"[--json] or loopback remove FAMILY PORT");
	if (words > 0 && adds && command_check_family("loopback", argv[2], err) < 0)
		words = -EINVAL;
	if (words > 1 && command_number(argv[3], 65535, &port) < 0)
		words = error_say(err, -EINVAL, "loopback: %s: a port is a number from 1 to 65535",
				  text_show(argv[3], shown, sizeof(shown)));
	if (words < 0)
		return EXIT_USAGE;
	if (command_store(adds ? STORE_CREATE : STORE_READ, &places, &store, err) < 0)
		return EXIT_FAILED;
	if (lists)
		return list(store, &l, err);
	snprintf(host, sizeof(host), NAME ":%u", (unsigned int)port);
	if (adds)
		command_warn_family(&places, argv[2]);
	code = adds ? add(store, argv[2], host, err) : take_out(store, argv[2], host, err);
	if (code == EXIT_OK)
		command_settle(&places, store);
	return code;
}

const struct command command_loopback = {
	"loopback", "add FAMILY PORT | list [--json] | remove FAMILY PORT",
	"let an app reach a port of this machine", loopback_options, run_loopback};
