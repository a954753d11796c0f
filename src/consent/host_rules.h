/* SPDX-License-Identifier: Apache-2.0 */
/* From the store into a policy: the rules about hosts of one app and of all. Thread-safe. */
#ifndef APPSILO_CONSENT_HOST_RULES_H
#define APPSILO_CONSENT_HOST_RULES_H

#include "consent/store_hosts.h"
#include "network/policy.h"

/**
 * Put what @store says now in the place of what @policy had from it before.
 * Returns 0; -errno with the line, and @policy is as it was: the caller denies.
 */
int host_rules_load(struct consent_store *store, const char *family, struct net_policy *policy,
		    struct appsilo_error *err) must_check;

#endif
