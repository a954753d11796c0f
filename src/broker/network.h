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

struct network;

/**
 * Serve @fd (taken over) until its other end goes.
 * @policy  the gate's; borrowed
 * @ret     for network_judge()
 * Returns 0; -errno.
 */
int network_start(int fd, struct gate *gate, struct net_policy *policy, struct network **ret) must_check;

/** Who decides about the app's own calls. */
struct carry_judge network_judge(struct network *network);

#endif
