/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate's second door: hosts instead of files (broker/gate.h, whose rules about threads,
 * tickets and callbacks hold here). A target without an address (family AF_UNSPEC) is a name
 * that is to be looked up: refused, it causes no query.
 */
#ifndef APPSILO_BROKER_GATE_HOST_H
#define APPSILO_BROKER_GATE_HOST_H

#include "broker/gate.h"
#include "network/policy.h"

/**
 * Decide without blocking, by the rules and capabilities as they are now.
 * Returns CONSENT_ALLOW, CONSENT_DENY, or CONSENT_ASK when a question may be asked; a store
 * error is CONSENT_DENY. An allowance is audited and counted; a denial is when its call is known:
 * gate_record_host_denial().
 */
enum consent_verdict gate_decide_host(struct gate *gate, const struct net_target *target, pid_t pid);

/** Count a connection that needs no question because its name has just been allowed, for once. */
void gate_count_consented(struct gate *gate, const struct net_target *target, pid_t pid);

/** The row of the account (network/account.h) that has counted @target. */
uint32_t gate_account_row(struct gate *gate, const struct net_target *target);

/**
 * Park @ticket until the question about @target is answered. Equal pending questions (host and
 * port) share one prompt. The target is copied. A denial that comes of it is recorded.
 * Returns 0, then ticket->answer is called once; -EAGAIN, -ENOMEM, -EINVAL (no such name): the
 * caller denies.
 */
int gate_ask_host(struct gate *gate, const struct net_target *target, pid_t pid,
		  struct gate_ticket *ticket) must_check;

/**
 * Record that the app was refused what gate_decide_host() denied.
 * @call  the operation in words of the app's call ("connect", "sendto", "look up")
 * @code  negative errno the app got
 */
void gate_record_host_denial(struct gate *gate, const struct net_target *target, pid_t pid,
			     const char *call, int code);

/** May somebody outside be let in to the app's @port? Counted; @ret_row as above. */
bool gate_let_in(struct gate *gate, uint16_t port, uint32_t *ret_row);

#endif
