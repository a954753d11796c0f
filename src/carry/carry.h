/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fast path of TCP: connect, bind and listen, which the app's filter reports, carried out
 * for it. A connection that is allowed is made by us, in the host's network, and put in the
 * place of the app's socket: from then on it is native. docs/ARCHITECTURE.md, Fast path.
 *
 * What keeps it closed: the app is under a Landlock domain without any TCP connect or bind,
 * and under a filter without MSG_FASTOPEN, so that its own calls can do nothing with a socket of
 * the host's. Whatever is carried out is carried out on a descriptor and an address of our own,
 * which no other thread of the app can change. A call is let go on (CONTINUE) only on what was
 * seen to be a unix socket; should another thread put one of the host's in its place, Landlock
 * refuses connect and bind, and listen is never let go on, but of init.
 *
 * One thread; carry_answered() from any.
 */
#ifndef APPSILO_CARRY_CARRY_H
#define APPSILO_CARRY_CARRY_H

#include "base/cleanup.h"
#include "consent/types.h"
#include "isolation/net_wire.h"
#include "network/account.h"
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/types.h>

struct carry;
struct carry_asked;

/* Whoever holds the policy. */
struct carry_judge {
	/* Decide about an address at once; the judge adds the names that led there. A refusal is
	 * recorded as one of connect with EACCES. CONSENT_ASK: a person may be asked.
	 * @ret_row  of the account that has counted it, where it may */
	enum consent_verdict (*decide)(void *data, struct net_question *question, pid_t pid,
				       uint32_t *ret_row);
	/* Ask one; carry_answered() follows, once, from another thread. Returns what cancel() takes;
	 * NULL when nobody can be asked: the refusal is recorded. May itself be NULL where decide()
	 * never says CONSENT_ASK. */
	void *(*ask)(void *data, struct net_question *question, pid_t pid, struct carry_asked *asked);
	/* Nobody waits any more. Returns false: the answer comes all the same. */
	bool (*cancel)(void *data, void *question);
	void *data;
};

struct carry_config {
	struct carry_judge judge;
	/* A root run, where we may: its sockets belong to the app's user, whom the host's packet
	 * filter may know. */
	bool change_ids;
	uid_t uid;
	gid_t gid;
};

/* The launcher's end of init's control socket, and init itself, which listens on unix sockets for the app:
 * the listener's credentials are of whoever does. */
struct carry_init {
	int control_fd; /* borrowed */
	pid_t pid;
};

/** All that it opens it opens now. Returns 0; -errno. */
int carry_new(const struct carry_config *config, struct carry **ret) must_check;

/** Whose notifications are taken; borrowed. Before anything else. */
void carry_listen(struct carry *carry, int listener_fd, const struct carry_init *init);

/** Init has listened: CONTROL_LISTENED. */
void carry_listened(const struct carry *carry, uint64_t call, int code);

/** For a thread of its own: wait for a notification and take it, or go on with a call that waits.
 * Returns false when nobody uses the filter any more. */
bool carry_receive(struct carry *carry);

/** Take a notification, if it is about a call that is carried out here. Returns false: it is not. */
bool carry_take(struct carry *carry, const struct seccomp_notif *notif);

/** Polled for input: calls that wait for their connection. */
int carry_fd(const struct carry *carry);

/** Does any call wait? */
bool carry_has_waiting(const struct carry *carry);

/** Go on with what carry_fd() announced. */
void carry_step(struct carry *carry);

/** The answer to carry_judge.ask(), which releases @asked. @row of the account has counted it, where it may. */
void carry_answered(struct carry_asked *asked, enum consent_verdict verdict, uint32_t row);

/** Give up what is asked about for callers that are gone. */
void carry_drop_gone(struct carry *carry);

/** Is anything asked about? */
bool carry_is_asking(struct carry *carry);

/** Once, at the end: what was carried, into the rows of @account. */
void carry_add_bytes(struct carry *carry, struct net_account *account);

#endif
