/* SPDX-License-Identifier: Apache-2.0 */
/* The judge's side of a question of appsilo-net (wire.h). Thread-safe: no state. */
#ifndef APPSILO_TRANSPORT_QUESTION_H
#define APPSILO_TRANSPORT_QUESTION_H

#include "network/policy.h"
#include "isolation/net_wire.h"

/**
 * What a NET_ASK_TARGET is about: the address under each name that led there, newest first;
 * where none did, by itself. @ret borrows the question's names.
 * Returns how many; 0: nonsense, to be denied.
 */
size_t net_question_targets(struct net_question *question,
			    struct net_target ret[NET_NAMES_MAX]);

/**
 * Decide by @policy alone. Which of several names a program meant nobody can tell: a rule that
 * refuses one of them refuses, else what allows one of them allows.
 */
enum consent_verdict net_question_decide(struct net_policy *policy, struct net_question *question);

#endif
