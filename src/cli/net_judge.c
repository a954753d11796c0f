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

static bool judge_out(struct net_judge *j, struct net_question *q, uint32_t *ret_row)
{
	struct net_target target;
	bool known = net_question_target(j->policy, q, &target);
	/* There is nobody to ask. */
	bool allowed = known && decide(j->policy, &target) == CONSENT_ALLOW;

	*ret_row = known ? net_account_add(&j->account, &target, allowed) : 0;
	return allowed;
}

static bool judge_in(struct net_judge *j, uint16_t port, uint32_t *ret_row)
{
	bool allowed = net_policy_may_publish(j->policy, port);

	*ret_row = net_account_add_incoming(&j->account, port, allowed);
	return allowed;
}

static void answer(struct net_judge *j, struct net_question *q)
{
	struct net_answer answer = {.id = q->id};
	bool allowed = q->kind == NET_ASK_IN ? judge_in(j, q->port, &answer.row)
					     : judge_out(j, q, &answer.row);

	j->allowed += allowed;
	j->denied += !allowed;
	answer.verdict = allowed ? CONSENT_ALLOW : CONSENT_DENY;
	/* It has gone: the sandbox has no network any more. */
	(void)!fd_send(j->fd, &answer, sizeof(answer), NULL, 0);
}

static void begin(struct net_judge *j, int bytes_fd)
{
	j->begun = true;
	if (j->bytes_fd < 0)
		j->bytes_fd = bytes_fd;
	else
		close_keep_errno(bytes_fd);
}

void net_judge_answer(void *data)
{
	struct net_judge *j = data;
	struct net_question q;
	int bytes_fd = -EBADF, r;

	while ((r = net_question_receive(j->fd, MSG_DONTWAIT, &q, &bytes_fd)) > 0) {
		if (q.kind == NET_BEGINS)
			begin(j, TAKE_FD(bytes_fd));
		else
			answer(j, &q);
	}
	if (r == -EAGAIN)
		return;
	j->monitor->extra_fd = -EBADF;
	if (j->begun)
		monitor_break(j->monitor);
}

void net_judge_finish(struct net_judge *j)
{
	net_question_add_bytes(j->bytes_fd, &j->account);
	close_keep_errno(TAKE_FD(j->bytes_fd));
}
