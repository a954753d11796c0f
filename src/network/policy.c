/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule names is either one host (a name, an address) or many (names below a suffix, a
 * network). One host is more specific than many; of suffixes the longer is, and of networks
 * the smaller; a rule with a port is more specific than the same without. A suffix and a
 * network cannot be compared: if either refuses, it is refused. In a private network, where a
 * name leads only because its owner says so, what is refused by address stays refused.
 */
#include "network/policy.h"

#include <pthread.h>
#include <string.h>

struct ports {
	uint16_t at[NET_PORTS_MAX];
	size_t n;
};

struct net_policy {
	pthread_mutex_t lock; /* guards everything below */
	unsigned int capabilities;
	bool asks;
	struct net_rule *rules; /* owned */
	size_t n, allocated;
	uint64_t changes; /* of the stored ones */
	struct ports loopback, published;
	bool has_proxy;
	struct host_pattern proxy;
};

/* A target as rules see it. */
struct subject {
	const char *name; /* NULL: none */
	const struct net_address *address; /* NULL: only a name is judged */
	uint16_t port; /* 0: a port that no rule names */
	enum net_place place;
	bool private_too; /* names may lead into private networks */
};

struct net_policy *net_policy_new(unsigned int capabilities, bool asks)
{
	struct net_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->capabilities = capabilities;
	p->asks = asks;
	return p;
}

void net_policy_free(struct net_policy *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p->rules);
	free(p);
}

static void unlock(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

#define hold(policy)                                                                               \
	cleanup(unlock) pthread_mutex_t *held_ __attribute__((unused)) = &(policy)->lock;          \
	pthread_mutex_lock(held_)

static bool same_pattern(const struct host_pattern *a, const struct host_pattern *b)
{
	return a->kind == b->kind && a->port == b->port && a->bits == b->bits &&
	       strcmp(a->name, b->name) == 0 &&
	       (a->kind != HOST_NETWORK || net_address_within(&a->network, &b->network, a->bits));
}

static bool is_answer(const struct net_rule *rule)
{
	return rule->scope == CONSENT_SESSION && rule->source == CONSENT_FROM_PROMPT;
}

/* The earlier answer about the same host. Other rules stand beside each other. */
static struct net_rule *find_earlier(struct net_policy *p, const struct net_rule *rule)
{
	for (size_t i = 0; is_answer(rule) && i < p->n; i++)
		if (is_answer(&p->rules[i]) &&
		    same_pattern(&p->rules[i].pattern, &rule->pattern))
			return &p->rules[i];
	return NULL;
}

static int make_room(struct net_policy *p, size_t wanted)
{
	size_t more = p->allocated ? p->allocated : 16;
	void *bigger;

	if (wanted > NET_RULES_MAX)
		return -ENOSPC;
	while (more < wanted)
		more *= 2;
	if (more == p->allocated)
		return 0;
	bigger = reallocarray(p->rules, more, sizeof(*p->rules));
	if (!bigger)
		return -ENOMEM;
	p->rules = bigger;
	p->allocated = more;
	return 0;
}

/* What `loopback add` leaves in the store. */
static bool is_exemption(const struct net_rule *rule)
{
	return rule->scope == CONSENT_ALWAYS && rule->verdict == CONSENT_ALLOW &&
	       rule->pattern.kind == HOST_NAME && rule->pattern.port &&
	       strcmp(rule->pattern.name, "localhost") == 0;
}

static int add_port(struct ports *ports, uint16_t port)
{
	if (ports->n == NET_PORTS_MAX)
		return -ENOSPC;
	ports->at[ports->n++] = port;
	return 0;
}

int net_policy_add(struct net_policy *p, const struct net_rule *rule)
{
	struct net_rule *old;
	int r;

	hold(p);
	if (is_exemption(rule))
		return add_port(&p->loopback, rule->pattern.port);
	old = find_earlier(p, rule);
	if (old) {
		*old = *rule;
		return 0;
	}
	r = make_room(p, p->n + 1);
	if (r == 0)
		p->rules[p->n++] = *rule;
	return r;
}

static bool has_port(const struct ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->at[i] == port)
			return true;
	return false;
}

/* In the order in which they were given before. */
static bool is_stored(const struct net_policy *p, const struct net_rule *rules, size_t n)
{
	size_t i = 0;

	for (size_t at = 0; at < p->n; at++) {
		if (p->rules[at].scope != CONSENT_ALWAYS)
			continue;
		while (i < n && is_exemption(&rules[i]))
			i++;
		if (i == n || rules[i].verdict != p->rules[at].verdict ||
		    !same_pattern(&rules[i].pattern, &p->rules[at].pattern))
			return false;
		i++;
	}
	while (i < n && is_exemption(&rules[i]))
		i++;
	return i == n;
}

static void drop_stored(struct net_policy *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->rules[i].scope != CONSENT_ALWAYS)
			p->rules[kept++] = p->rules[i];
	p->n = kept;
}

int net_policy_replace_stored(struct net_policy *p, const struct net_rule *rules, size_t n)
{
	struct ports loopback = {0};
	int r;

	for (size_t i = 0; i < n; i++)
		if (is_exemption(&rules[i]) && (r = add_port(&loopback, rules[i].pattern.port)) < 0)
			return r;
	hold(p);
	r = make_room(p, p->n + n);
	if (r < 0)
		return r;
	if (!is_stored(p, rules, n) || memcmp(&loopback, &p->loopback, sizeof(loopback)) != 0)
		p->changes++;
	drop_stored(p);
	for (size_t i = 0; i < n; i++)
		if (!is_exemption(&rules[i]))
			p->rules[p->n++] = rules[i];
	p->loopback = loopback;
	return 0;
}

size_t net_policy_loopback(struct net_policy *p, uint16_t *ret, size_t max)
{
	size_t n;

	hold(p);
	n = p->loopback.n < max ? p->loopback.n : max;
	memcpy(ret, p->loopback.at, n * sizeof(*ret));
	return n;
}

uint64_t net_policy_changes(struct net_policy *p)
{
	hold(p);
	return p->changes;
}

int net_policy_publish(struct net_policy *p, uint16_t port)
{
	hold(p);
	return add_port(&p->published, port);
}

void net_policy_set_proxy(struct net_policy *p, const struct host_pattern *proxy)
{
	hold(p);
	p->proxy = *proxy;
	p->has_proxy = true;
}

/* Into a private network only an address that was written down leads, or a network that lies
 * in one whole: a name leads wherever its owner lets it (DNS rebinding). */
static bool opens(const struct net_rule *rule, const struct subject *s)
{
	if (s->place == NET_PUBLIC || s->private_too)
		return true;
	if (s->place != NET_PRIVATE || rule->pattern.kind != HOST_NETWORK)
		return false;
	return rule->pattern.bits >= net_address_private_bits(s->address);
}

static bool speaks_of(const struct net_rule *rule, const struct subject *s)
{
	if (rule->pattern.port && rule->pattern.port != s->port)
		return false;
	if (!host_pattern_matches(&rule->pattern, s->name, s->address))
		return false;
	return rule->verdict == CONSENT_DENY || opens(rule, s);
}

#define RANK_EXACT (HOST_NAME_MAX_BYTES + 1) /* above every suffix and network */

/* Among names, among addresses, or among what is one host. */
static size_t rank(const struct host_pattern *p)
{
	size_t width = host_pattern_is_exact(p) ? RANK_EXACT
		       : p->kind == HOST_SUFFIX ? strlen(p->name)
						: p->bits;

	return 2 * width + (p->port != 0);
}

/* The more specific of two rules; the refusing one of equals. */
static const struct net_rule *stronger(const struct net_rule *best, const struct net_rule *rule)
{
	size_t a, b;

	if (!best)
		return rule;
	a = rank(&best->pattern);
	b = rank(&rule->pattern);
	if (a != b)
		return a > b ? best : rule;
	return best->verdict == CONSENT_DENY ? best : rule;
}

/* The rule that decides about @s, or NULL. */
static const struct net_rule *find_rule(const struct net_policy *p, const struct subject *s)
{
	const struct net_rule *one = NULL, *name = NULL, *address = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct net_rule *rule = &p->rules[i];

		if (!speaks_of(rule, s))
			continue;
		if (host_pattern_is_exact(&rule->pattern))
			one = stronger(one, rule);
		if (rule->pattern.kind == HOST_NETWORK)
			address = stronger(address, rule);
		else
			name = stronger(name, rule);
	}
	/* No name leads into a private network against a word about its addresses. */
	if (address && address->verdict == CONSENT_DENY && s->place != NET_PUBLIC)
		return address;
	if (one)
		return one;
	if (name && address)
		return address->verdict == CONSENT_DENY ? address : name;
	return name ? name : address;
}

static void say(struct net_decision *ret, enum consent_verdict verdict, enum net_reason reason)
{
	ret->verdict = verdict;
	ret->reason = reason;
}

static void say_rule(struct net_decision *ret, const struct net_rule *rule)
{
	say(ret, rule->verdict, NET_BY_RULE);
	ret->rule = *rule;
}

static bool is_local(const struct host_pattern *p)
{
	return p->kind == HOST_NETWORK ? net_address_place(&p->network) == NET_LOOPBACK
				       : host_name_is_local(p->name);
}

/* The host's own services: only an exempted port, asked for as what it is. */
static void judge_loopback(const struct net_policy *p, const struct net_target *t,
			   struct net_decision *ret)
{
	bool open = t->protocol != NET_ICMP && has_port(&p->loopback, t->port);

	if (t->name && !host_name_is_local(t->name))
		say(ret, CONSENT_DENY, NET_BY_REBINDING);
	else if (open && p->has_proxy && !(is_local(&p->proxy) && p->proxy.port == t->port))
		say(ret, CONSENT_DENY, NET_BY_PROXY);
	else
		say(ret, open ? CONSENT_ALLOW : CONSENT_DENY, NET_BY_LOOPBACK);
}

static void judge_proxy(const struct net_policy *p, const struct subject *s,
			struct net_decision *ret)
{
	struct net_rule proxy = {.pattern = p->proxy, .verdict = CONSENT_ALLOW};

	say(ret, speaks_of(&proxy, s) ? CONSENT_ALLOW : CONSENT_DENY, NET_BY_PROXY);
}

static bool has_capability(const struct net_policy *p, enum net_place place)
{
	unsigned int wanted = place == NET_PRIVATE ? NET_CAP_PRIVATE : NET_CAP_CLIENT | NET_CAP_SERVER;

	return p->capabilities & wanted;
}

static void judge_without_rule(const struct net_policy *p, const struct subject *s,
			       struct net_decision *ret)
{
	if (has_capability(p, s->place))
		say(ret, CONSENT_ALLOW, NET_BY_CAPABILITY);
	else if (s->name && s->place == NET_PRIVATE)
		say(ret, CONSENT_DENY, NET_BY_REBINDING);
	else
		say(ret, p->asks ? CONSENT_ASK : CONSENT_DENY, NET_BY_NOTHING);
}

static void judge(const struct net_policy *p, const struct net_target *t, struct net_decision *ret)
{
	struct net_address real = net_address_real(&t->address);
	struct subject s = {
		.name = t->name,
		.address = &real,
		.port = t->port,
		.place = net_address_place(&t->address),
		.private_too = p->capabilities & NET_CAP_PRIVATE,
	};
	const struct net_rule *rule = find_rule(p, &s);

	ret->place = s.place;
	if (s.place == NET_METADATA)
		say(ret, CONSENT_DENY, NET_BY_METADATA);
	else if (s.place == NET_UNUSABLE)
		say(ret, CONSENT_DENY, NET_BY_PLACE);
	else if (rule && rule->verdict == CONSENT_DENY)
		say_rule(ret, rule);
	else if (s.place == NET_LOOPBACK)
		judge_loopback(p, t, ret);
	else if (p->has_proxy)
		judge_proxy(p, &s, ret);
	else if (rule)
		say_rule(ret, rule);
	else
		judge_without_rule(p, &s, ret);
}

/* A name may be looked up if there is a port on which it might then be reached. */
static void judge_name_at(const struct net_policy *p, const char *name, uint16_t port,
			  struct net_decision *ret)
{
	struct subject s = {.name = name, .port = port};
	const struct net_rule *rule = find_rule(p, &s);

	if (rule && rule->verdict == CONSENT_DENY)
		say_rule(ret, rule);
	else if (p->has_proxy)
		judge_proxy(p, &s, ret);
	else if (rule)
		say_rule(ret, rule);
	else if (p->capabilities)
		say(ret, CONSENT_ALLOW, NET_BY_CAPABILITY);
	else
		say(ret, p->asks ? CONSENT_ASK : CONSENT_DENY, NET_BY_NOTHING);
}

static bool is_better(const struct net_decision *a, const struct net_decision *b)
{
	static const int order[] = {[CONSENT_DENY] = 0, [CONSENT_ASK] = 1, [CONSENT_ALLOW] = 2,
				    [CONSENT_ABSENT] = 0};

	return order[a->verdict] > order[b->verdict];
}

static void judge_name(const struct net_policy *p, const char *name, struct net_decision *ret)
{
	struct net_decision other;

	judge_name_at(p, name, 0, ret);
	for (size_t i = 0; i < p->n && ret->verdict != CONSENT_ALLOW; i++) {
		const struct host_pattern *pattern = &p->rules[i].pattern;

		if (!pattern->port || !host_pattern_matches(pattern, name, NULL))
			continue;
		judge_name_at(p, name, pattern->port, &other);
		if (is_better(&other, ret))
			*ret = other;
	}
	if (p->has_proxy && ret->verdict != CONSENT_ALLOW)
		judge_name_at(p, name, p->proxy.port, ret);
}

/* One spelling; false: no name. */
static bool read_name(const char *name, char ret[HOST_NAME_MAX_BYTES + 1])
{
	return host_name_parse(name, strlen(name), ret, NULL) == 0;
}

void net_policy_judge(struct net_policy *p, const struct net_target *target,
		      struct net_decision *ret)
{
	struct net_target own = *target;
	char name[HOST_NAME_MAX_BYTES + 1];

	memset(ret, 0, sizeof(*ret));
	if (target->name && !read_name(target->name, name)) {
		say(ret, CONSENT_DENY, NET_BY_NAME);
		return;
	}
	own.name = target->name ? name : NULL;
	hold(p);
	judge(p, &own, ret);
}

void net_policy_judge_name(struct net_policy *p, const char *given, struct net_decision *ret)
{
	char name[HOST_NAME_MAX_BYTES + 1];

	memset(ret, 0, sizeof(*ret));
	/* This machine's own name is answered inside, without a query. */
	if (!read_name(given, name) || host_name_is_local(name)) {
		say(ret, CONSENT_DENY, NET_BY_NAME);
		return;
	}
	hold(p);
	judge_name(p, name, ret);
}

enum consent_verdict net_policy_decide(struct net_policy *p, const struct net_target *target)
{
	struct net_decision decision;

	net_policy_judge(p, target, &decision);
	return decision.verdict;
}

enum consent_verdict net_policy_decide_name(struct net_policy *p, const char *name)
{
	struct net_decision decision;

	net_policy_judge_name(p, name, &decision);
	return decision.verdict;
}

bool net_policy_may_publish(struct net_policy *p, uint16_t port)
{
	hold(p);
	return p->capabilities & (NET_CAP_SERVER | NET_CAP_PRIVATE) && has_port(&p->published, port);
}
