/* SPDX-License-Identifier: Apache-2.0 */
/* Making and ending a gate, for the broker's main only; everybody else uses gate.h. */
#ifndef APPSILO_BROKER_GATE_NEW_H
#define APPSILO_BROKER_GATE_NEW_H

#include "broker/attempts.h"
#include "broker/gate.h"
#include "broker/record.h"
#include "consent/decide.h"
#include "consent/prompt.h"
#include "network/account.h"

struct gate_config {
	struct decider decider; /* session set */
	struct net_policy *policy; /* borrowed; NULL: no host is reached */
	const char *app, *real, *signer; /* borrowed, for people; @signer NULL: no package */
	/* Makes the prompter at the first question; NULL result: nobody can be asked. */
	struct prompter *(*make_prompter)(void *data);
	bool quiet;
	struct recorder *recorder; /* borrowed */
	struct attempts *attempts; /* borrowed; of a profiled run, which asks nobody; else NULL */
	/* Rules about @path (NULL: any) changed. Called without locks. */
	void (*on_change)(void *data, const char *path);
	/* Stored rules about hosts changed: whatever was decided about any may not hold any more.
	 * From any thread, without locks. */
	void (*on_host_change)(void *data);
	/* A question was put and its answer has reached the app. From the prompt thread. */
	void (*on_answered)(void *data);
	/* A name is about to be moved or removed: nothing may be mounted at or below it any more. From any
	 * thread. Returns false when something is. NULL: nothing ever is. */
	bool (*clear_below)(void *data, const char *path);
	/* An allowed folder is in use. */
	void (*on_used)(void *data, const char *folder);
	void *data;
};

struct gate_counts {
	int64_t asked, allowed, denied;
};

int gate_new(const struct gate_config *config, struct gate **ret, struct appsilo_error *err) must_check;
/** End: parked questions are denied, the prompt thread joined, the prompter ended. Other threads
 * may still come with an access: it is denied, and nothing is freed under them. */
void gate_stop(struct gate *gate);
/** Free a stopped gate that no thread can come to any more; a broker, which ends, never does. */
void gate_free(struct gate *gate);

/** Look whether another process changed the store; call when its files changed. @anew: nothing that was
 * read of it holds any longer. */
void gate_poll_store(struct gate *gate, bool anew);

void gate_get_counts(struct gate *gate, struct gate_counts *ret);

/** The part of the counts that is about hosts, host by host. */
void gate_get_account(struct gate *gate, struct net_account *ret);

/** Ask now and wait; for the question about the current directory at start. */
enum consent_verdict gate_ask_wait(struct gate *gate, const struct consent_request *request);

#endif
