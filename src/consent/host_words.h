/* SPDX-License-Identifier: Apache-2.0 */
/* A host as questions and records name it. Thread-safe: no state. Compiled for the front too. */
#ifndef APPSILO_CONSENT_HOST_WORDS_H
#define APPSILO_CONSENT_HOST_WORDS_H

#include "network/policy.h"

/* A target with all that its words are made of, in one piece. */
struct host_words {
	struct net_target target; /* name: below, or NULL */
	char name[HOST_NAME_MAX_BYTES + 1];
	char address[NET_ADDRESS_TEXT_MAX]; /* what it really is */
};

/** Is it a name that is to be looked up? */
bool host_words_is_lookup(const struct net_target *target);

/** Take @target, in one spelling. Returns false: no target at all, such as a look-up of what is no name. */
bool host_words_init(struct host_words *ret, const struct net_target *target);

/** The words, which point into @words. */
struct consent_host_request host_words_request(const struct host_words *words, pid_t pid);

#endif
