/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a program was let out to which host, and how often not: for the result of a run.
 * Bounded, whatever a program tries. Not thread-safe: whoever holds one locks it. Compiled for
 * the front too.
 */
#ifndef APPSILO_NETWORK_ACCOUNT_H
#define APPSILO_NETWORK_ACCOUNT_H

#include "network/policy.h"
#include <stdint.h>

/* Hosts (with port and protocol) that are told apart; what comes later is counted as one. */
#define NET_ACCOUNT_MAX 64

struct net_account_row {
	char name[HOST_NAME_MAX_BYTES + 1]; /* "": reached by its address alone */
	struct net_address address;	    /* AF_UNSPEC: a look-up of the name */
	uint16_t port;
	enum net_protocol protocol;
	int64_t connections, refused;
};

struct net_account {
	struct net_account_row rows[NET_ACCOUNT_MAX];
	size_t n;
	int64_t other_connections, other_refused; /* all beyond the rows, and what has no name */
};

/** Count one connection to @target (a flow, a look-up), or one that was refused. */
void net_account_add(struct net_account *account, const struct net_target *target, bool allowed);

/** "tcp", "udp", "icmp"; "dns" for a look-up. */
const char *net_account_protocol(const struct net_account_row *row);

#endif
