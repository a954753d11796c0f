/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_judge.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"
#include "consent/host_words.h"
#include "isolation/kernel.h"
#include <string.h>
#include <sys/socket.h>

static void judge(struct net_policy *policy, const struct net_target *target,
		  struct net_decision *ret)
{
	if (host_words_is_lookup(target))
		net_policy_judge_name(policy, target->name, ret);
	else
		net_policy_judge(policy, target, ret);
}

/* @code  what the app gets; 0: what its packets get */
static void record(struct net_judge *j, const struct host_words *words, bool allowed, int code,
		   const struct net_decision *decision)
{
	struct consent_host_request request = host_words_request(words, 0);
	const char *call;
	int packets_code;

	if (allowed) {
		recorder_audit_host(j->recorder, &request, decision);
		return;
	}
	call = net_question_refusal(&words->target, &packets_code);
	recorder_denial_host(j->recorder, &request, call, code ? code : packets_code, "no-rule", decision);
}

static bool judge_out(struct net_judge *j, struct net_question *q, int code, uint32_t *ret_row)
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
		record(j, &words, allowed, code, &decision);
	j->allowed += allowed;
	j->denied += !allowed;
	return allowed;
}

static bool judge_in(struct net_judge *j, uint16_t port, uint32_t *ret_row)
{
	bool allowed = net_policy_may_publish(j->policy, port);

	*ret_row = net_account_add_incoming(&j->account, port, allowed);
	j->allowed += allowed;
	j->denied += !allowed;
	return allowed;
}

static void answer(struct net_judge *j, struct net_question *q)
{
	struct net_answer answer = {.id = q->id};
	bool allowed = q->kind == NET_ASK_IN ? judge_in(j, q->port, &answer.row)
					     : judge_out(j, q, 0, &answer.row);
	cleanup_close int fd =
		q->kind == NET_ASK_NAME ? net_question_servers(&j->servers) : -EBADF;

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

static void stop_listening(struct net_judge *j)
{
	for (size_t i = 0; i < j->monitor->n_sources; i++)
		if (j->monitor->sources[i].fd == j->fd)
			j->monitor->sources[i].fd = -EBADF;
}

/* Under the lock. Returns false: it has gone. */
static bool take_messages(struct net_judge *j)
{
	struct net_question q;
	int bytes_fd = -EBADF, r;

	while ((r = net_question_receive(j->fd, MSG_DONTWAIT, &q, &bytes_fd)) > 0) {
		if (q.kind == NET_TELL_NAME)
			names_told(j->names, &q, clock_monotonic_ms());
		else if (q.kind == NET_BEGINS)
			begin(j, TAKE_FD(bytes_fd));
		else
			answer(j, &q);
	}
	return r == -EAGAIN;
}

static void take_news(void *data)
{
	struct net_judge *j = data;
	bool there;

	pthread_mutex_lock(&j->lock);
	there = take_messages(j);
	pthread_mutex_unlock(&j->lock);
	if (there)
		return;
	stop_listening(j);
	if (j->begun)
		monitor_break(j->monitor);
}

static enum consent_verdict decide_call(void *data, struct net_question *q, pid_t pid, uint32_t *ret_row)
{
	struct net_judge *j = data;
	struct net_address address = net_question_address(q), real = net_address_real(&address);
	bool allowed = false;

	(void)pid;
	pthread_mutex_lock(&j->lock);
	if (!j->over) {
		/* All that was told before the call. */
		(void)take_messages(j);
		names_tell(j->names, clock_monotonic_ms(), &real, q);
		allowed = judge_out(j, q, -EACCES, ret_row);
	}
	pthread_mutex_unlock(&j->lock);
	return allowed ? CONSENT_ALLOW : CONSENT_DENY;
}

/* Whoever waits in the call that receives is woken without a detour by poll(2). */
static void *take_calls(void *data)
{
	struct net_judge *j = data;

	while (carry_receive(j->carry))
		;
	return NULL;
}

static void on_listened(void *data, uint64_t call, int code)
{
	carry_listened(((struct net_judge *)data)->carry, call, code);
}

static int on_ready(void *data, int listener_fd, uint32_t attached, struct appsilo_error *err)
{
	struct net_judge *j = data;
	int r;

	(void)attached;
	if (listener_fd < 0)
		return 0;
	k_notif_wake_here(listener_fd);
	carry_listen(j->carry, listener_fd, &(struct carry_init){j->monitor->control_fd, j->init_pid});
	r = thread_detached(take_calls, j);
	return r < 0 ? error_set(err, r, "run: a thread for the app's network") : 0;
}

int net_judge_start(struct net_judge *j, const struct plan *plan, struct monitor *m,
		    struct appsilo_error *err)
{
	struct carry_config carry = {.judge = {.decide = decide_call, .data = j},
				     .change_ids = plan->change_ids,
				     .uid = plan->uid,
				     .gid = plan->gid};
	int r = carry_new(&carry, &j->carry);

	pthread_mutex_init(&j->lock, NULL);
	j->names = names_new();
	if (r == 0 && !j->names)
		r = -ENOMEM;
	if (r < 0)
		return error_set(err, r, "run: serve the network");
	j->monitor = m;
	j->fd = plan->net_judge_fd;
	m->sources[m->n_sources++] = (struct monitor_source){j->fd, take_news, j};
	m->on_ready = on_ready;
	m->on_listened = on_listened;
	m->data = j;
	return 0;
}

void net_judge_finish(struct net_judge *j)
{
	pthread_mutex_lock(&j->lock);
	j->over = true;
	pthread_mutex_unlock(&j->lock);
	net_question_add_bytes(j->bytes_fd, &j->account);
	if (j->carry)
		carry_add_bytes(j->carry, &j->account);
	if (j->recorder)
		recorder_totals(j->recorder, &j->account);
	close_keep_errno(TAKE_FD(j->bytes_fd));
}
