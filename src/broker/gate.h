/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate: every access of the app passes here. Decides from rules, asks when there is
 * none, records denials. Thread-safe: FUSE, notify and attach threads call it freely; no
 * lock is held while a prompter runs or a callback is called. docs/ARCHITECTURE.md, Consent.
 */
#ifndef APPSILO_BROKER_GATE_H
#define APPSILO_BROKER_GATE_H

#include "base/error.h"
#include "consent/types.h"

/* Parked questions a hostile app can make us keep; beyond it: deny, recorded. */
#define GATE_PENDING_MAX 4096

struct gate;
struct gate_ticket;

/* Called exactly once, from the prompt thread, with CONSENT_ALLOW or CONSENT_DENY. */
typedef void (*gate_answer_fn)(struct gate_ticket *ticket, enum consent_verdict verdict);

/* Embed in the parked operation; owned by the caller until answer() or gate_cancel(). */
struct gate_ticket {
	gate_answer_fn answer;
	struct gate_ticket *next;      /* gate's */
	struct gate_question *question; /* gate's */
	uint32_t row; /* with the answer about a host: of the account (network/account.h) that has counted it */
};

/**
 * Decide without blocking. Never list, stored and in-memory rules.
 * Returns CONSENT_ALLOW, CONSENT_DENY, CONSENT_ABSENT, or CONSENT_ASK when a question may
 * be asked; a store error is CONSENT_DENY.
 */
enum consent_verdict gate_decide(struct gate *gate, const struct consent_request *request);

/**
 * Park @ticket until @request is answered. Equal pending questions share one prompt; an
 * answer settles all queued questions it covers. The request is copied.
 * Returns 0, then ticket->answer is called once; -EAGAIN over GATE_PENDING_MAX or -ENOMEM:
 * the caller denies.
 */
int gate_ask(struct gate *gate, const struct consent_request *request,
	     struct gate_ticket *ticket) must_check;

/* What was decided about a call that a child of the attach helper is about to make for the app. The view
 * lets that process write at these paths, and nowhere else, and asks nobody. Embedded in whatever waits for
 * the call. */
struct gate_permit {
	pid_t pid;
	const char *paths[2];	  /* borrowed; NULL: none */
	struct gate_permit *next; /* gate's */
};

void gate_permit(struct gate *gate, struct gate_permit *permit);

/** Also of one that was never given. */
void gate_permit_end(struct gate *gate, struct gate_permit *permit);

/** Take a parked ticket out (interrupt). Returns false when its answer is under way. */
bool gate_cancel(struct gate *gate, struct gate_ticket *ticket);

/**
 * Record that the app was refused: audit file and run record.
 * @call  the operation in words of the app's call ("open", "rename")
 * @code  negative errno the app got
 */
void gate_record_denial(struct gate *gate, const struct consent_request *request,
			const char *call, int code);

/** May the subtree not be renamed or handed over whole? See decide_protected_below(). */
bool gate_protected_below(struct gate *gate, const char *folder, enum consent_access access);

/** Take off what is mounted in the sandbox at and below @path, before it is renamed or removed. Returns false
 * when that fails: then it must stay where it is. */
bool gate_clear_below(struct gate *gate, const char *path);

/** The app used an allowed place: a hint for live attach. @folder absolute host path. */
void gate_used(struct gate *gate, const char *folder);

#endif
