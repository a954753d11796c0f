/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of one run that are not stored: command line and "until it ends". Thread-safe. */
#ifndef APPSILO_CONSENT_SESSION_H
#define APPSILO_CONSENT_SESSION_H

#include "base/cleanup.h"
#include "consent/types.h"

/* A hostile app can make a person answer only so often; beyond it, rules are refused. */
#define SESSION_RULES_MAX 65536

struct session_rules;

struct session_rules *session_new(void);
void session_free(struct session_rules *session);

/** Add or replace (same path, target, access). The path is copied; the family is borrowed for as long as the
 * session lives. 0; -ENOSPC; -ENOMEM. */
int session_put(struct session_rules *session, const struct consent_rule *rule) must_check;

/** Visit rules on exactly @path. Stops when @visit returns non-zero, and returns that. */
int session_at(struct session_rules *session, const char *path,
	       int (*visit)(void *, const struct consent_rule *), void *data);

/** Visit rules strictly below @folder. */
int session_below(struct session_rules *session, const char *folder,
		  int (*visit)(void *, const struct consent_rule *), void *data);

DEFINE_CLEANUP(struct session_rules *, session_free)

#endif
