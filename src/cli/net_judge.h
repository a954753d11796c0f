/* SPDX-License-Identifier: Apache-2.0 */
/* Server mode: answering appsilo-net's questions by the policy alone, in the launcher. */
#ifndef APPSILO_CLI_NET_JUDGE_H
#define APPSILO_CLI_NET_JUDGE_H

#include "broker/record.h"
#include "isolation/monitor.h"
#include "transport/question.h"

struct net_judge {
	int fd;			   /* borrowed; the launcher's end */
	struct net_policy *policy; /* borrowed */
	struct monitor *monitor;   /* borrowed; polls fd as its extra one */
	bool begun;
	struct net_servers_seen servers;
	int bytes_fd; /* owned; what appsilo-net counts into; -EBADF: none yet */
	struct recorder *recorder; /* owned; set while there is a network or an audit file */
	int64_t allowed, denied;
	struct net_account account;
};

/** Answer what has come. @data is the struct net_judge; for monitor.on_extra. */
void net_judge_answer(void *data);

/** At the end: what flows have carried, into the account and the audit file. */
void net_judge_finish(struct net_judge *judge);

#endif
