/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/host_words.h"

#include <string.h>
#include <sys/socket.h>

bool host_words_is_lookup(const struct net_target *t)
{
	return t->address.family == AF_UNSPEC;
}

bool host_words_init(struct host_words *w, const struct net_target *t)
{
	struct net_address real = net_address_real(&t->address);

	*w = (struct host_words){.target = *t};
	if (t->name && host_name_parse(t->name, strlen(t->name), w->name, NULL) < 0)
		return false;
	w->target.name = t->name ? w->name : NULL;
	if (host_words_is_lookup(t)) {
		w->target.port = 0;
		return t->name != NULL;
	}
	net_address_text(&real, w->address);
	return true;
}

static const char *protocol_word(const struct net_target *t)
{
	static const char *const words[] = {[NET_TCP] = "tcp", [NET_UDP] = "udp", [NET_ICMP] = "icmp"};

	return host_words_is_lookup(t) ? "dns" : words[t->protocol];
}

struct consent_host_request host_words_request(const struct host_words *w, pid_t pid)
{
	return (struct consent_host_request){
		.host = w->target.name ? w->name : w->address,
		.address = host_words_is_lookup(&w->target) ? NULL : w->address,
		.port = w->target.port,
		.protocol = protocol_word(&w->target),
		.pid = pid,
	};
}
