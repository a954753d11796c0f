/* SPDX-License-Identifier: Apache-2.0 */
/* The judge's side of a question of appsilo-net (isolation/net_wire.h). Thread-safe: no state. */
#ifndef APPSILO_TRANSPORT_QUESTION_H
#define APPSILO_TRANSPORT_QUESTION_H

#include "isolation/net_wire.h"
#include "network/account.h"

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

/** The address that @question is about, or that it tells. */
struct net_address net_question_address(const struct net_question *question);

/**
 * Receive the next question of appsilo-net's.
 * @ret_bytes_fd  set, if it is a NET_BEGINS that brings one: the caller's. Nothing else that
 *                it sends is kept.
 * Returns 1; 0 at the end; -EAGAIN (with MSG_DONTWAIT in @flags).
 */
int net_question_receive(int fd, int flags, struct net_question *ret, int *ret_bytes_fd) must_check;

/* The host's list of name servers, as it was when it was last looked at. Zeroed: never. */
struct net_servers_seen {
	uint64_t device, inode;
	int64_t changed_ns, bytes;
};

/** A descriptor of the list, for an answer about a name, if it is another than @seen, which is
 * brought up to date; -EBADF. appsilo-net itself opens no file. */
int net_question_servers(struct net_servers_seen *seen);

/** What a refused program is told: the call that fails, in its own words, and its error. */
const char *net_question_refusal(const struct net_target *target, int *ret_code);

/** Put what was counted by row into the rows of @account. */
void net_question_add_rows(const struct net_bytes bytes[NET_ROWS_MAX], struct net_account *account);

/** Put what was counted in @bytes_fd into the rows of @account; -EBADF: nothing was. */
void net_question_add_bytes(int bytes_fd, struct net_account *account);

#endif
