/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking whoever holds the policy: the broker, or the launcher in server mode. A question is
 * decided at once; only where a person is to be asked does the answer come later. One thread.
 */
#ifndef APPSILO_TRANSPORT_JUDGE_H
#define APPSILO_TRANSPORT_JUDGE_H

#include "base/cleanup.h"
#include "consent/types.h"
#include "isolation/net_wire.h"

/* Late answers that come while a question is being decided. */
#define JUDGE_LATE_MAX 256

struct judge {
	int fd; /* borrowed */
	uint64_t last_id;
	struct net_answer late[JUDGE_LATE_MAX];
	size_t n_late;
	int servers_fd; /* owned; see judge_takes_servers() */
	bool doubt; /* see judge_takes_doubt() */
	int bytes_fd; /* owned; until judge_begins() */
	struct net_bytes *bytes; /* shared with the judge; NET_ROWS_MAX of them */
};

/** Make the memory for judge_count(), before memory files are out of reach. Returns 0; -errno. */
int judge_share(struct judge *judge) must_check;

/** Tell the judge that the network begins: its end, from now on, is the run's. */
void judge_begins(struct judge *judge);

/** The host's resolv.conf, where an answer about a name has brought a newer one: the caller's
 * descriptor; -EBADF. */
int judge_takes_servers(struct judge *judge);

/** A flow of @row carried so many bytes. */
void judge_count(struct judge *judge, uint32_t row, size_t sent, size_t received);

/**
 * Decide @question, whose id is set here. Waits for the judge, who does not wait for anybody.
 * Ends the process when there is no judge any more.
 * @ret_row  where it is allowed: for judge_count()
 */
enum consent_verdict judge_decide(struct judge *judge, struct net_question *question,
				  uint32_t *ret_row);

/** Tell it what has no answer. */
void judge_tell(struct judge *judge, const struct net_question *told);

/** The next late answer. Returns false when there is none now. */
bool judge_next_late(struct judge *judge, struct net_answer *ret);

/** Have rules changed since the last call? */
bool judge_takes_doubt(struct judge *judge);

/** Is there something for the two above that poll() does not show? */
bool judge_has_news(const struct judge *judge);

#endif
