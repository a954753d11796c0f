/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host policy against its definition: of the rules that speak about a target, those that no
 * other is more specific than decide, and one that refuses is enough. Input: bytes that choose
 * capabilities, rules and targets out of few, so that they meet.
 */
#include "fuzz.h"

#include "network/policy.h"
#include <arpa/inet.h>
#include <string.h>

#define RULES_MAX 24

static const char *const hosts[] = {
	"a.example", "b.a.example", "*.example", "*.a.example", "10.0.0.1", "10.0.0.0/8", "10.0.0.0/16",
	"1.2.3.4", "1.0.0.0/8", "1.2.0.0/16", "0.0.0.0/0", "fd00::1", "fd00::/8", "2606::/16", "::/0",
};
static const char *const names[] = {NULL, "a.example", "b.a.example", "c.example", "other"};
static const char *const addresses[] = {"10.0.0.1", "10.1.0.1", "1.2.3.4",  "1.3.0.1", "9.9.9.9",
					"fd00::1",  "2606::1",	"127.0.0.1", "::ffff:10.0.0.1",
					"169.254.169.254", "224.0.0.1"};

struct input {
	const uint8_t *at, *end;
};

static size_t choose(struct input *in, size_t n)
{
	return in->at < in->end ? *in->at++ % n : 0;
}

struct world {
	unsigned int capabilities;
	bool asks;
	struct net_rule rules[RULES_MAX];
	size_t n;
};

static bool more_specific(const struct host_pattern *a, const struct host_pattern *b)
{
	bool one = host_pattern_is_exact(a), other = host_pattern_is_exact(b);

	if (one != other)
		return one;
	if (!one && a->kind != b->kind)
		return false; /* a suffix and a network */
	if (!one && a->kind == HOST_SUFFIX && strlen(a->name) != strlen(b->name))
		return strlen(a->name) > strlen(b->name);
	if (!one && a->kind == HOST_NETWORK && a->bits != b->bits)
		return a->bits > b->bits;
	return a->port && !b->port;
}

struct target {
	struct net_target t;
	struct net_address real;
	enum net_place place;
};

static bool speaks(const struct world *w, const struct net_rule *r, const struct target *x)
{
	const struct host_pattern *p = &r->pattern;

	if ((p->port && p->port != x->t.port) || !host_pattern_matches(p, x->t.name, &x->real))
		return false;
	if (r->verdict == CONSENT_DENY || x->place == NET_PUBLIC || w->capabilities & NET_CAP_PRIVATE)
		return true;
	return x->place == NET_PRIVATE && p->kind == HOST_NETWORK &&
	       p->bits >= net_address_private_bits(&x->real);
}

/* CONSENT_ASK: no rule. @addresses_only: only rules about addresses count. */
static enum consent_verdict by_rules(const struct world *w, const struct target *x,
				     bool addresses_only)
{
	enum consent_verdict verdict = CONSENT_ASK;

	for (size_t i = 0; i < w->n; i++) {
		bool beaten = !speaks(w, &w->rules[i], x) ||
			      (addresses_only && w->rules[i].pattern.kind != HOST_NETWORK);

		for (size_t j = 0; !beaten && j < w->n; j++)
			beaten = speaks(w, &w->rules[j], x) &&
				 (!addresses_only || w->rules[j].pattern.kind == HOST_NETWORK) &&
				 more_specific(&w->rules[j].pattern, &w->rules[i].pattern);
		if (!beaten && verdict != CONSENT_DENY)
			verdict = w->rules[i].verdict;
	}
	return verdict;
}

static enum consent_verdict slow(const struct world *w, const struct target *x)
{
	enum consent_verdict verdict = by_rules(w, x, false);

	if (x->place > NET_PRIVATE)
		return CONSENT_DENY;
	if (x->place == NET_PRIVATE && by_rules(w, x, true) == CONSENT_DENY)
		return CONSENT_DENY;
	if (verdict != CONSENT_ASK)
		return verdict;
	if (w->capabilities & (x->place == NET_PRIVATE ? NET_CAP_PRIVATE : NET_CAP_CLIENT))
		return CONSENT_ALLOW;
	if (x->place == NET_PRIVATE && x->t.name)
		return CONSENT_DENY;
	return w->asks ? CONSENT_ASK : CONSENT_DENY;
}

static void read_target(struct input *in, struct target *x)
{
	const char *address = addresses[choose(in, sizeof(addresses) / sizeof(addresses[0]))];

	memset(x, 0, sizeof(*x));
	x->t.name = names[choose(in, sizeof(names) / sizeof(names[0]))];
	x->t.port = (uint16_t)(79 + choose(in, 3));
	x->t.address.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	ALWAYS(inet_pton(x->t.address.family, address, &x->t.address.v6) == 1);
	x->real = net_address_real(&x->t.address);
	x->place = net_address_place(&x->t.address);
}

static void add_rule(struct input *in, struct world *w, struct net_policy *policy)
{
	const char *host = hosts[choose(in, sizeof(hosts) / sizeof(hosts[0]))];
	struct net_rule rule = {.scope = CONSENT_SESSION, .source = CONSENT_FROM_COMMAND_LINE};
	size_t port = choose(in, 3);

	if (w->n == RULES_MAX)
		return;
	ALWAYS(host_pattern_parse(host, strlen(host), &rule.pattern, NULL) == 0);
	rule.pattern.port = (uint16_t)(port ? 79 + port : 0);
	rule.verdict = choose(in, 2) ? CONSENT_ALLOW : CONSENT_DENY;
	ALWAYS(net_policy_add(policy, &rule) == 0);
	w->rules[w->n++] = rule;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct world w = {0};
	struct net_policy *policy;
	struct target x;

	w.capabilities = (choose(&in, 2) ? NET_CAP_CLIENT : 0) | (choose(&in, 2) ? NET_CAP_PRIVATE : 0);
	w.asks = choose(&in, 2);
	policy = net_policy_new(w.capabilities, w.asks);
	ALWAYS(policy);
	while (in.at < in.end) {
		if (choose(&in, 2)) {
			add_rule(&in, &w, policy);
			continue;
		}
		read_target(&in, &x);
		ALWAYS(net_policy_decide(policy, &x.t) == slow(&w, &x));
		/* What may be reached by name may be looked up. */
		if (x.t.name && net_policy_decide(policy, &x.t) == CONSENT_ALLOW)
			ALWAYS(by_rules(&w, &x, true) == CONSENT_ALLOW ||
			       net_policy_decide_name(policy, x.t.name) == CONSENT_ALLOW);
	}
	net_policy_free(policy);
	return 0;
}
