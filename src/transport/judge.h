/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking whoever holds the policy: the broker, or the launcher in server mode. A question is
 * decided at once; only where a person is to be asked does the answer come later. One thread.
 */
#ifndef APPSILO_TRANSPORT_JUDGE_H
#define APPSILO_TRANSPORT_JUDGE_H

#include "consent/types.h"
#include "isolation/net_wire.h"

/* Late answers that come while a question is being decided. */
#define JUDGE_LATE_MAX 256

struct judge {
	int fd; /* borrowed */
	uint64_t last_id;
	struct net_answer late[JUDGE_LATE_MAX];
	size_t n_late;
};

/**
 * Decide @question, whose id is set here. Waits for the judge, who does not wait for anybody.
 * Ends the process when there is no judge any more.
 */
enum consent_verdict judge_decide(struct judge *judge, struct net_question *question);

/** Tell it what has no answer. */
void judge_tell(struct judge *judge, const struct net_question *told);

/** The next late answer. Returns false when there is none now. */
bool judge_next_late(struct judge *judge, struct net_answer *ret);

#endif
