/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_judge.h"

#include "base/clock.h"
#include "base/fd.h"
#include "transport/question.h"
#include <string.h>
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

static void stop_listening(struct net_judge *j)
{
	for (size_t i = 0; i < j->monitor->n_sources; i++)
		if (j->monitor->sources[i].fd == j->fd)
			j->monitor->sources[i].fd = -EBADF;
}

static void take_messages(void *data)
{
	struct net_judge *j = data;
	struct net_question q;
	int none[FD_PASS_MAX];
	ssize_t n;

	while ((n = fd_receive(j->fd, &q, sizeof(q), MSG_DONTWAIT, none)) == sizeof(q)) {
		struct net_answer answer = {.id = q.id};

		if (q.kind == NET_TELL_NAME) {
			names_told(j->names, &q, clock_monotonic_ms());
			continue;
		}
		answer.verdict = judge(j, &q);
		/* It has gone: the sandbox has no network any more. */
		(void)!fd_send(j->fd, &answer, sizeof(answer), NULL, 0);
	}
	if (n != -EAGAIN)
		stop_listening(j);
}

static enum consent_verdict decide_call(void *data, struct net_question *q, pid_t pid)
{
	struct net_judge *j = data;
	struct net_address address = {.family = q->family}, real;

	(void)pid;
	memcpy(&address.v6, q->address, q->family == AF_INET ? 4 : 16);
	real = net_address_real(&address);
	/* All that was told before the call. */
	take_messages(j);
	names_tell(j->names, clock_monotonic_ms(), &real, q);
	return judge(j, q);
}

static void take_call(void *data)
{
	carry_receive(((struct net_judge *)data)->carry);
}

static void go_on(void *data)
{
	carry_step(((struct net_judge *)data)->carry);
}

static int on_ready(void *data, int listener_fd, uint32_t attached, struct appsilo_error *err)
{
	struct net_judge *j = data;
	struct monitor *m = j->monitor;

	(void)attached;
	(void)err;
	j->listener_fd = listener_fd;
	if (listener_fd < 0)
		return 0;
	carry_listen(j->carry, listener_fd);
	m->sources[m->n_sources++] = (struct monitor_source){listener_fd, take_call, j};
	m->sources[m->n_sources++] = (struct monitor_source){carry_fd(j->carry), go_on, j};
	return 0;
}

int net_judge_start(struct net_judge *j, const struct plan *plan, struct monitor *m,
		    struct appsilo_error *err)
{
	struct carry_config carry = {.judge = {.decide = decide_call, .data = j},
				     .change_ids = plan->change_ids,
				     .uid = plan->uid,
				     .gid = plan->gid};
	int r = carry_new(&carry, &j->carry);

	j->names = names_new();
	if (r == 0 && !j->names)
		r = -ENOMEM;
	if (r < 0)
		return error_set(err, r, "run: serve the network");
	j->monitor = m;
	j->fd = plan->net_judge_fd;
	m->sources[m->n_sources++] = (struct monitor_source){j->fd, take_messages, j};
	m->on_ready = on_ready;
	m->data = j;
	return 0;
}
