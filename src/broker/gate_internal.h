/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gate share: gate.c has the queue and the prompt thread, gate_file.c and
 * gate_host.c what is decided, shown, kept and recorded about each kind of thing. */
#ifndef APPSILO_BROKER_GATE_INTERNAL_H
#define APPSILO_BROKER_GATE_INTERNAL_H

#include "broker/gate_host.h"
#include "broker/gate_new.h"
#include <pthread.h>

#define BURST_DENIALS 5
#define BURST_MS 10000
#define RECENT_FOLDERS 16

struct gate_kind {
	bool (*equal)(const struct gate_question *a, const struct gate_question *b);
	/* By the rules as they are now. */
	enum consent_verdict (*decide)(struct gate *gate, const struct gate_question *q);
	/* Fill in what the person is shown. From the prompt thread. */
	void (*describe)(struct gate *gate, const struct gate_question *q,
			 struct prompt_question *ret);
	/* Was no less allowed than was asked? */
	bool (*suffices)(const struct gate_question *q, const struct prompt_answer *answer);
	void (*remember)(struct gate *gate, const struct gate_question *q,
			 const struct prompt_answer *answer);
	void (*record)(struct gate *gate, const struct gate_question *q, bool allowed);
	/* Once for each ticket. Returns its row of the account, where it has one. */
	uint32_t (*count)(struct gate *gate, const struct gate_question *q, bool allowed);
};

struct gate_question {
	struct gate_question *next;
	struct gate_ticket *tickets; /* whose answer() is due; borrowed */
	const struct gate_kind *kind;
	struct consent_request request; /* about a file; strings owned */
	struct gate_host *host;		/* about a host; owned */
};

struct gate {
	struct gate_config config;
	struct prompter *prompter; /* owned; made and used by the prompt thread only */
	bool no_prompter;
	char complaint[ERROR_LINE_MAX]; /* the prompt thread's: about the prompter, the last one */
	pthread_t thread; /* started with the first question */
	bool running;	  /* under lock */
	int cancel_fd;	      /* eventfd: the question shown is not needed any more */
	int waiting_fd;	      /* eventfd: more questions wait behind it */
	int64_t store_version; /* prompt and main thread, under lock */
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t arrived;
	struct gate_question *first, **end;
	struct gate_question *shown;
	size_t n_tickets;
	struct gate_permit *permits;
	bool stopping, deny_all;
	int64_t next_id;
	int64_t denials_ms[BURST_DENIALS];
	struct {
		char *path; /* owned */
		unsigned int count;
	} folders[RECENT_FOLDERS];
	size_t next_folder;
	struct gate_counts counts;
	struct net_account account;
	pthread_mutex_t hosts_lock; /* guards hosts_version; taken before the policy's */
	int64_t hosts_version;	    /* of the store that the policy's rules are from; -1: none */
	uint64_t hosts_changes;	    /* of the policy, that were told of */
};

/** Park @ticket at @q, taken over, or at an equal question. As gate_ask(). */
int gate_park(struct gate *gate, struct gate_question *q, struct gate_ticket *ticket) must_check;

/** The store has changed: have its rules about hosts? */
void gate_poll_hosts(struct gate *gate);

void gate_question_free(struct gate_question *q);

void gate_count(struct gate *gate, bool allowed);

/** Can nobody be asked (any more)? */
bool gate_is_mute(struct gate *gate);

/** Why what no rule speaks about was denied: "profile", "denied-all", "no-prompter", "prompt". */
const char *gate_why_denied(struct gate *gate);

#endif
