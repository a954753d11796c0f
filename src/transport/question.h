/* SPDX-License-Identifier: Apache-2.0 */
/* The judge's side of a question of appsilo-net (isolation/net_wire.h). Thread-safe: no state. */
#ifndef APPSILO_TRANSPORT_QUESTION_H
#define APPSILO_TRANSPORT_QUESTION_H

#include "isolation/net_wire.h"
#include "network/policy.h"

/**
 * What @question is about: an address, under the name that led there, if one did. Which of
 * several names a program meant nobody can tell: it is one that a rule refuses, else one that
 * is allowed, else one to ask about, else the newest. A name that is to be looked up has an
 * address of AF_UNSPEC.
 * @ret  borrows the question's names
 * Returns false: nonsense, to be denied.
 */
bool net_question_target(struct net_policy *policy, struct net_question *question,
			 struct net_target *ret);

#endif
