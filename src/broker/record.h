/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was decided, for people: the audit file (--audit) gets every decision, the run
 * record gets the denials, for `appsilo why`. One JSON object a line. Thread-safe. Compiled for
 * the front too, which decides about hosts in server mode.
 */
#ifndef APPSILO_BROKER_RECORD_H
#define APPSILO_BROKER_RECORD_H

#include "base/error.h"
#include "base/shell.h"
#include "consent/decide.h"
#include "network/account.h"
#include <limits.h>

/* Bytes of the command that would allow something. */
#define RECORDER_REMEDY_MAX (CONSENT_FAMILY_MAX + SHELL_QUOTED_SIZE(PATH_MAX) + 64)
#define RECORDER_HOST_REMEDY_MAX (CONSENT_FAMILY_MAX + HOST_TEXT_MAX + 64)

struct recorder;

/**
 * @data_dir    appsilo's own directory, borrowed; the record is made at the first denial; NULL: none is kept
 * @audit_path  NULL: no audit file
 * Returns 0; -errno with the line when the audit file cannot be opened.
 */
int recorder_open(const char *data_dir, const char *audit_path, const char *family,
		  const char *app, struct recorder **ret, struct appsilo_error *err) must_check;
void recorder_close(struct recorder *recorder);

const char *recorder_run_id(const struct recorder *recorder);

/** @source "rule", "prompt", "never-list", "no-prompter", ...; @decision why, may be NULL. */
void recorder_audit(struct recorder *recorder, const struct consent_request *request,
		    bool allowed, const char *source, const struct decision *decision);

/** @call what the app did, @code the negative errno it got. */
void recorder_denial(struct recorder *recorder, const struct consent_request *request,
		     const char *call, int code, const char *source,
		     const struct decision *decision);

/** The command that would allow it. @quote of base/shell.h */
void recorder_remedy(const struct recorder *recorder, const struct consent_request *request, bool never_listed,
		     int (*quote)(const char *word, char *ret, size_t size), char ret[RECORDER_REMEDY_MAX]);

/** The same for a host. Returns false where nothing allows it. */
bool recorder_host_remedy(const struct recorder *recorder, const struct consent_host_request *request,
			  const struct net_decision *decision, char *ret, size_t size);

/** Why, as the records say it. @unasked where no rule says so. */
const char *recorder_host_source(const struct net_decision *decision, const char *unasked);

/** That a host may be reached. @decision why (undecided: let through in a profiled run), NULL:
 * somebody was asked. */
void recorder_audit_host(struct recorder *recorder, const struct consent_host_request *request,
			 const struct net_decision *decision);

/** That one may not. @unasked  the source where no rule said so and asking did not allow it. */
void recorder_denial_host(struct recorder *recorder, const struct consent_host_request *request,
			  const char *call, int code, const char *unasked,
			  const struct net_decision *decision);

/** At the end: what went where, a line a host, into the audit file. */
void recorder_totals(struct recorder *recorder, const struct net_account *account);

/** Append @line of @n bytes, or none if that is not positive, to the run record. */
void recorder_line(struct recorder *recorder, const char *line, int n);

/** Has anything been recorded, that `appsilo why` could tell? */
bool recorder_has_record(const struct recorder *recorder);

DEFINE_CLEANUP(struct recorder *, recorder_close)

#endif
