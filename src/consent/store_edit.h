/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing single decisions that a person is looking at: what is not any more as it was shown is
 * left alone. Rules about threads, damage and errors as in store.h.
 */
#ifndef APPSILO_CONSENT_STORE_EDIT_H
#define APPSILO_CONSENT_STORE_EDIT_H

#include "consent/store_hosts.h"

/**
 * Replace @old by @new, in one step.
 * @old  as consent_store_each() told it, its id included; NULL: there is no decision about the same thing
 * @new  NULL: only forget @old
 * Returns 0; -ESTALE, with the line, when @old has changed or gone, or there is a decision after all; -errno.
 */
int consent_store_replace(struct consent_store *store, const struct consent_rule *old,
			  const struct consent_rule *new, struct appsilo_error *err) must_check;

/** The same for a rule about a host. */
int consent_store_replace_host(struct consent_store *store, const struct consent_host_rule *old,
			       const struct consent_host_rule *new, struct appsilo_error *err) must_check;

#endif
