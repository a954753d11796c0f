/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_judge.h"

#include "base/fd.h"
#include "transport/question.h"
#include <sys/socket.h>

static enum consent_verdict judge(struct net_judge *j, struct net_question *q)
{
	/* There is nobody to ask. */
	bool allowed = net_question_decide(j->policy, q) == CONSENT_ALLOW;
	struct net_target target;

	j->allowed += allowed;
	j->denied += !allowed;
	if (net_question_target(j->policy, q, &target))
		net_account_add(&j->account, &target, allowed);
	return allowed ? CONSENT_ALLOW : CONSENT_DENY;
}

void net_judge_answer(void *data)
{
	struct net_judge *j = data;
	struct net_question q;
	int none[FD_PASS_MAX];
	ssize_t n;

	while ((n = fd_receive(j->fd, &q, sizeof(q), MSG_DONTWAIT, none)) == sizeof(q)) {
		struct net_answer answer = {.id = q.id, .verdict = judge(j, &q)};

		/* It has gone: the sandbox has no network any more. */
		(void)!fd_send(j->fd, &answer, sizeof(answer), NULL, 0);
	}
	if (n != -EAGAIN)
		j->monitor->extra_fd = -EBADF;
}
