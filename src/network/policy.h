/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the app reach this host? Capabilities (--net), host rules (--allow-host, --deny-host,
 * manifest, store, answers) and loopback exemptions, in one decision. The most specific rule
 * wins; deny beats allow where two are equally so; what nothing speaks about is asked or
 * denied. Thread-safe. Compiled for the front too. docs/ARCHITECTURE.md, Network.
 */
#ifndef APPSILO_NETWORK_POLICY_H
#define APPSILO_NETWORK_POLICY_H

#include "base/error.h"
#include "consent/types.h"
#include "network/address.h"
#include "network/host.h"

/* A hostile app can make a person answer only so often; beyond it, rules are refused. */
#define NET_RULES_MAX 65536
/* Ports of --publish and `loopback add`. */
#define NET_PORTS_MAX 256

enum net_protocol { NET_TCP, NET_UDP, NET_ICMP };

enum net_capability {
	NET_CAP_CLIENT = 1 << 0,  /* internetClient: outgoing to public addresses */
	NET_CAP_SERVER = 1 << 1,  /* internetClientServer: and listening */
	NET_CAP_PRIVATE = 1 << 2, /* privateNetworkClientServer: to and from private ranges */
};

/* What the app wants to reach. */
struct net_target {
	struct net_address address;
	uint16_t port; /* 0 with NET_ICMP */
	enum net_protocol protocol;
	const char *name; /* as the app's resolver query had it, lower case; NULL: by address alone */
};

struct net_rule {
	struct host_pattern pattern;
	enum consent_verdict verdict; /* CONSENT_ALLOW or CONSENT_DENY */
	enum consent_scope scope;     /* CONSENT_ALWAYS: of the store */
	enum consent_source source;
};

/* Why, for records. */
enum net_reason {
	NET_BY_NOTHING,	   /* no rule and no capability */
	NET_BY_RULE,	   /* decision.rule */
	NET_BY_CAPABILITY,
	NET_BY_LOOPBACK,   /* this machine's own services: exempted, or not */
	NET_BY_METADATA,   /* never */
	NET_BY_PLACE,	   /* nobody is there: multicast, reserved, documentation */
	NET_BY_REBINDING,  /* a name that leads into a private network or to this machine */
	NET_BY_PROXY,	   /* --proxy: nothing but the proxy */
	NET_BY_NAME,	   /* no name at all */
};

struct net_decision {
	enum consent_verdict verdict; /* CONSENT_ALLOW, CONSENT_DENY, CONSENT_ASK */
	enum net_reason reason;
	enum net_place place; /* of the address; NET_PUBLIC for a name */
	struct net_rule rule; /* with NET_BY_RULE */
};

struct net_policy;

/**
 * @capabilities  of enum net_capability
 * @asks          what nothing speaks about is CONSENT_ASK, not CONSENT_DENY
 * Returns NULL without memory.
 */
struct net_policy *net_policy_new(unsigned int capabilities, bool asks);
void net_policy_free(struct net_policy *policy);

/** Add @rule. An answer (from a prompt, for the session) replaces an earlier one about the same
 * host; other rules stand beside each other. One of the store (CONSENT_ALWAYS) that allows
 * "localhost:PORT" exempts that port. Returns 0; -ENOSPC; -ENOMEM. */
int net_policy_add(struct net_policy *policy, const struct net_rule *rule) must_check;

/**
 * Put these in the place of all rules of scope CONSENT_ALWAYS and of all exempted ports, at once:
 * no decision sees half of it.
 * Returns 0; -ENOSPC or -ENOMEM, and nothing has changed.
 */
int net_policy_replace_stored(struct net_policy *policy, const struct net_rule *rules, size_t n) must_check;

/** Up to @max of the ports that are open. Returns how many. */
size_t net_policy_loopback(struct net_policy *policy, uint16_t *ret, size_t max);

/** How often net_policy_replace_stored() has changed anything. */
uint64_t net_policy_changes(struct net_policy *policy);

/** --publish: the app may be reached on @port. Returns 0; -ENOSPC. */
int net_policy_publish(struct net_policy *policy, uint16_t port) must_check;

/** --proxy: from now on nothing but @proxy is reached, whatever else says. */
void net_policy_set_proxy(struct net_policy *policy, const struct host_pattern *proxy);

/** @verdict CONSENT_ALLOW, CONSENT_DENY, CONSENT_ASK. Never blocks. */
enum consent_verdict net_policy_decide(struct net_policy *policy, const struct net_target *target);

/** May @name be looked up outside at all? ASK: put the question first. A refused name causes no query. */
enum consent_verdict net_policy_decide_name(struct net_policy *policy, const char *name);

/** The two above, with the reason. */
void net_policy_judge(struct net_policy *policy, const struct net_target *target,
		      struct net_decision *ret);
void net_policy_judge_name(struct net_policy *policy, const char *name, struct net_decision *ret);

/** May the app listen on @port for connections from outside (--publish and a server capability)? */
bool net_policy_may_publish(struct net_policy *policy, uint16_t port);

DEFINE_CLEANUP(struct net_policy *, net_policy_free)

#endif
