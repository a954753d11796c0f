/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering appsilo-net's questions (isolation/net_wire.h) through the gate. A thread of its
 * own, which never waits for a person: a question that is asked is answered late. And the judge
 * of connections that do not go through it.
 */
#ifndef APPSILO_BROKER_NETWORK_H
#define APPSILO_BROKER_NETWORK_H

#include "broker/gate_host.h"
#include "carry/carry.h"
#include "network/account.h"

struct network;

struct network_config {
	int fd; /* taken over */
	struct gate *gate;
	struct net_policy *policy; /* the gate's; borrowed */
	void (*on_death)(void *data); /* the program died in the middle; from the thread */
	void *data;
};

/** Serve until the other end goes. @ret is never freed. Returns 0; -errno. */
int network_start(const struct network_config *config, struct network **ret) must_check;

/** Who decides about the app's own calls. */
struct carry_judge network_judge(struct network *network);

/** Rules about hosts have changed: what flows without an end were allowed is judged again. */
void network_doubt(struct network *network);

/** What flows have carried until now, into the rows of @account. */
void network_add_bytes(struct network *network, struct net_account *account);

#endif
