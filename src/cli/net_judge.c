/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_judge.h"

#include "base/fd.h"
#include "consent/host_words.h"
#include <sys/socket.h>

static void judge(struct net_policy *policy, const struct net_target *target,
		  struct net_decision *ret)
{
	if (host_words_is_lookup(target))
		net_policy_judge_name(policy, target->name, ret);
	else
		net_policy_judge(policy, target, ret);
}

static void record(struct net_judge *j, const struct host_words *words, bool allowed,
		   const struct net_decision *decision)
{
	struct consent_host_request request = host_words_request(words, 0);
	const char *call;
	int code;

	if (allowed) {
		recorder_audit_host(j->recorder, &request, decision);
		return;
	}
	call = net_question_refusal(&words->target, &code);
	recorder_denial_host(j->recorder, &request, call, code, "no-rule", decision);
}

static bool judge_out(struct net_judge *j, struct net_question *q, uint32_t *ret_row)
{
	struct net_target target;
	struct net_decision decision;
	struct host_words words;
	bool allowed;

	*ret_row = 0;
	if (!net_question_target(j->policy, q, &target))
		return false;
	judge(j->policy, &target, &decision);
	allowed = decision.verdict == CONSENT_ALLOW; /* there is nobody to ask */
	*ret_row = net_account_add(&j->account, &target, allowed);
	if (host_words_init(&words, &target))
		record(j, &words, allowed, &decision);
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
	cleanup_close int fd =
		q->kind == NET_ASK_NAME ? net_question_servers(&j->servers) : -EBADF;

	j->allowed += allowed;
	j->denied += !allowed;
	answer.verdict = allowed ? CONSENT_ALLOW : CONSENT_DENY;
	/* It has gone: the sandbox has no network any more. */
	(void)!fd_send(j->fd, &answer, sizeof(answer), &fd, fd >= 0);
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
	if (j->recorder)
		recorder_totals(j->recorder, &j->account);
	close_keep_errno(TAKE_FD(j->bytes_fd));
}
