/* SPDX-License-Identifier: Apache-2.0 */
/* Server mode: deciding about the network by the policy alone, in the launcher. It answers
 * appsilo-net's questions, and, in a thread of its own, carries out the app's calls about sockets. */
#ifndef APPSILO_CLI_NET_JUDGE_H
#define APPSILO_CLI_NET_JUDGE_H

#include "broker/record.h"
#include "carry/carry.h"
#include "isolation/monitor.h"
#include "isolation/plan.h"
#include "transport/names.h"
#include "transport/question.h"
#include <pthread.h>

struct net_judge {
	int fd;			   /* borrowed; the launcher's end of appsilo-net's socket */
	struct net_policy *policy; /* borrowed; set before the app runs */
	struct monitor *monitor;   /* borrowed */
	struct carry *carry;
	pid_t init_pid; /* set before the app runs */
	pthread_mutex_t lock; /* over taking a message and what it says; guards what follows */
	struct names *names;  /* that appsilo-net told */
	bool begun, over;
	struct net_servers_seen servers;
	int bytes_fd; /* owned; what appsilo-net counts into; -EBADF: none yet */
	struct recorder *recorder; /* owned; set while there is a network or an audit file */
	int64_t allowed, denied;
	struct net_account account;
};

/**
 * Begin for the network of @plan, under @monitor. @judge is zeroed and lives as long as the process.
 * Returns 0; -errno with the line.
 */
int net_judge_start(struct net_judge *judge, const struct plan *plan, struct monitor *monitor,
		    struct appsilo_error *err) must_check;

/** At the end: what flows have carried, into the account and the audit file. Nothing is decided or
 * counted any more. */
void net_judge_finish(struct net_judge *judge);

#endif
