/* SPDX-License-Identifier: Apache-2.0 */
/* A host pattern: what is taken has one spelling, which is taken as the same; and nothing that a
 * resolver could read as another host is taken. */
#include "fuzz.h"

#include "network/host.h"
#include <arpa/inet.h>
#include <string.h>

static void check_line(const char *line)
{
	ALWAYS(*line);
	for (; *line; line++)
		ALWAYS((unsigned char)*line >= 0x20 && (unsigned char)*line < 0x7f);
}

static void check_name(const struct host_pattern *p)
{
	struct in_addr any;

	ALWAYS(p->name[0] && strlen(p->name) <= HOST_NAME_MAX_BYTES);
	ALWAYS(strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(p->name));
	ALWAYS(!strstr(p->name, "..") && p->name[0] != '.' && p->name[strlen(p->name) - 1] != '.');
	ALWAYS(inet_aton(p->name, &any) == 0);
	ALWAYS(!host_pattern_matches(p, NULL, NULL));
}

static void check_network(const struct host_pattern *p)
{
	struct net_address real = net_address_real(&p->network);

	ALWAYS(p->bits <= net_address_bits(&p->network));
	/* Nothing carries another address any more. */
	ALWAYS(p->bits < net_address_bits(&p->network) || real.family == p->network.family);
	ALWAYS(host_pattern_matches(p, NULL, &p->network));
}

static void check(const struct host_pattern *p)
{
	struct host_pattern again;
	char text[HOST_TEXT_MAX], second[HOST_TEXT_MAX];

	host_pattern_text(p, text);
	ALWAYS(host_pattern_parse(text, strlen(text), &again, NULL) == 0);
	ALWAYS(strcmp(host_pattern_text(&again, second), text) == 0);
	ALWAYS(again.kind == p->kind && again.port == p->port && again.bits == p->bits);
	if (p->kind == HOST_NETWORK)
		check_network(p);
	else
		check_name(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct appsilo_error err = {0};
	struct host_pattern p;
	char *exact = malloc(size + 1); /* not terminated: a read behind the end is seen */

	ALWAYS(exact);
	memcpy(exact, data, size);
	exact = realloc(exact, size ? size : 1);
	ALWAYS(exact);
	if (host_pattern_parse(exact, size, &p, &err) < 0) {
		check_line(err.line);
		ALWAYS(host_pattern_parse_allow(exact, size, &p, &err) < 0);
	} else {
		ALWAYS(size > 0 && !memchr(exact, '\0', size));
		check(&p);
	}
	free(exact);
	return 0;
}
