/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One decision out of the never list, the store and the rules of this run: the most
 * specific path wins, deny beats allow on the same path. docs/ARCHITECTURE.md, Consent.
 */
#ifndef APPSILO_CONSENT_DECIDE_H
#define APPSILO_CONSENT_DECIDE_H

#include "consent/never.h"
#include "consent/session.h"
#include "consent/used.h"
#include "consent/store.h"

struct decider {
	struct never_places places;
	const char *family;	      /* borrowed */
	struct consent_store *store;  /* borrowed; NULL: no stored rules */
	struct session_rules *session; /* borrowed; NULL: none */
	struct used *used; /* borrowed; NULL: not noted */
};

/* Why, for records: the rule that decided. */
struct decision {
	enum consent_verdict verdict;
	bool by_rule;		 /* the fields below are set */
	bool by_never_list;
	char rule_path[4096];
	enum consent_source source;
	enum consent_scope scope;
	enum consent_target target;
	enum consent_access access;
	bool all_families;
};

/**
 * Decide @access to @path. CONSENT_ASK: no rule speaks about it.
 * Any store error is CONSENT_DENY. Thread-safe.
 */
void decide(const struct decider *d, const char *path, enum consent_access access,
	    struct decision *ret);

/** What was decided holds for something that the app does: its rule was used. */
void decide_note_used(const struct decider *d, const struct decision *decision);

/**
 * May the subtree at @folder not be handed over whole for @access: is there, strictly
 * below, a never-listed place (existing or not) or a rule that refuses @access?
 * True on any error.
 */
bool decide_protected_below(const struct decider *d, const char *folder,
			    enum consent_access access);

/** Is there a rule strictly below @folder that allows writing? True on any error. */
bool decide_writable_below(const struct decider *d, const char *folder);

#endif
