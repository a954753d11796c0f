/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_judge.h"

#include "base/fd.h"
#include "transport/question.h"
#include <sys/socket.h>

static enum consent_verdict decide(struct net_policy *policy, const struct net_target *target)
{
	return target->address.family == AF_UNSPEC ? net_policy_decide_name(policy, target->name)
						   : net_policy_decide(policy, target);
}

static enum consent_verdict judge(struct net_judge *j, struct net_question *q)
{
	struct net_target target;
	bool known = net_question_target(j->policy, q, &target);
	/* There is nobody to ask. */
	bool allowed = known && decide(j->policy, &target) == CONSENT_ALLOW;

	j->allowed += allowed;
	j->denied += !allowed;
	if (known)
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
