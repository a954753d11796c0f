/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a program was let out to which host, how often not, and how much was sent and
 * received: for the result of a run.
 * Bounded, whatever a program tries. Not thread-safe: whoever holds one locks it. Compiled for
 * the front too.
 */
#ifndef APPSILO_NETWORK_ACCOUNT_H
#define APPSILO_NETWORK_ACCOUNT_H

#include "base/json.h"
#include "network/policy.h"
#include <stdint.h>

/* Hosts (with port and protocol) that are told apart; what comes later is counted as one. */
#define NET_ACCOUNT_MAX 64

struct net_account_counts {
	int64_t connections, refused;
	int64_t bytes_sent, bytes_received;
};

struct net_account_row {
	char name[HOST_NAME_MAX_BYTES + 1]; /* "": reached by its address alone */
	struct net_address address;	    /* AF_UNSPEC: a look-up of the name */
	uint16_t port;
	enum net_protocol protocol;
	bool incoming; /* who came in to the app's port (TCP), all of them in one */
	struct net_account_counts counts;
};

struct net_account {
	struct net_account_row rows[NET_ACCOUNT_MAX];
	size_t n;
	struct net_account_counts others; /* all beyond the rows, and what has no name */
};

/**
 * Count one connection to @target (a flow, a look-up), or one that was refused.
 * Returns the number of its row, from 1; 0: it is counted with the others.
 */
uint32_t net_account_add(struct net_account *account, const struct net_target *target, bool allowed);

/** The same for somebody who comes in to the app's @port. */
uint32_t net_account_add_incoming(struct net_account *account, uint16_t port, bool allowed);

/** The row that has counted @target. Returns its number; 0: the others. */
uint32_t net_account_find(const struct net_account *account, const struct net_target *target);

/** What connections of row @number carried. */
void net_account_add_bytes(struct net_account *account, uint32_t number, uint64_t sent,
			   uint64_t received);

/** Is anything counted with the others? */
bool net_account_has_others(const struct net_account *account);

/** Write the members of row @number, or of the others (host: null), into an open JSON object. */
void net_account_write(const struct net_account *account, uint32_t number, struct json_writer *w);

/** "tcp", "udp", "icmp"; "dns" for a look-up, "tcp-in" for who came in. */
const char *net_account_protocol(const struct net_account_row *row);

#endif
