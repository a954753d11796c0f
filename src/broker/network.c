/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/network.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"
#include "transport/names.h"
#include "transport/question.h"
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

struct network {
	int fd; /* owned; sent to by several threads, one message at a time */
	struct gate *gate;
	struct net_policy *policy;
	pthread_mutex_t lock; /* over taking a message and what it says; guards names */
	struct names *names;  /* those that appsilo-net has told */
};

struct pending {
	struct gate_ticket ticket;
	struct network *network;
	uint64_t id;
};

static void answer(struct network *n, uint64_t id, enum consent_verdict verdict, bool late)
{
	struct net_answer answer = {.id = id, .verdict = verdict, .late = late};

	/* It has gone: the sandbox has no network any more. */
	(void)!fd_send(n->fd, &answer, sizeof(answer), NULL, 0);
}

static void answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct pending *p = (struct pending *)ticket; /* its first member */

	answer(p->network, p->id, verdict, true);
	free(p);
}

/* The app gets what transport/packet.h and transport/resolver.h make of a refusal. */
static void record_denial(struct network *n, const struct net_target *t)
{
	if (t->address.family == AF_UNSPEC)
		gate_record_host_denial(n->gate, t, 0, "look up", -ENOENT);
	else if (t->protocol == NET_TCP)
		gate_record_host_denial(n->gate, t, 0, "connect", -ECONNREFUSED);
	else
		gate_record_host_denial(n->gate, t, 0, "send", -EHOSTUNREACH);
}

static void ask(struct network *n, uint64_t id, const struct net_target *target)
{
	struct pending *p = calloc(1, sizeof(*p));

	/* The first answer goes before the second. */
	answer(n, id, CONSENT_ASK, false);
	if (p) {
		*p = (struct pending){.ticket.answer = answered, .network = n, .id = id};
		if (gate_ask_host(n->gate, target, 0, &p->ticket) == 0)
			return;
	}
	free(p);
	record_denial(n, target);
	answer(n, id, CONSENT_DENY, true);
}

static void handle(struct network *n, struct net_question *q)
{
	struct net_target target;
	enum consent_verdict verdict = CONSENT_DENY;

	if (net_question_target(n->policy, q, &target))
		verdict = gate_decide_host(n->gate, &target, 0);
	else
		target = (struct net_target){.address.family = AF_UNSPEC, .name = ""};
	if (verdict == CONSENT_ASK && q->consented && q->kind == NET_ASK_TARGET) {
		gate_count_consented(n->gate, &target, 0);
		verdict = CONSENT_ALLOW;
	}
	if (verdict == CONSENT_ASK && q->full)
		verdict = CONSENT_DENY;
	if (verdict == CONSENT_ASK) {
		ask(n, q->id, &target);
		return;
	}
	if (verdict != CONSENT_ALLOW)
		record_denial(n, &target);
	answer(n, q->id, verdict == CONSENT_ALLOW ? CONSENT_ALLOW : CONSENT_DENY, false);
}

/* Returns false when there is nothing (more) to take. */
static bool take_message(struct network *n, int *ret_error)
{
	struct net_question q;
	int none[FD_PASS_MAX];
	ssize_t size = fd_receive(n->fd, &q, sizeof(q), MSG_DONTWAIT, none);

	*ret_error = size == sizeof(q) || size == -EAGAIN ? 0 : -EPIPE;
	if (size != sizeof(q))
		return false;
	if (q.kind == NET_TELL_NAME)
		names_told(n->names, &q, clock_monotonic_ms());
	else
		handle(n, &q);
	return true;
}

/* Returns 0; -EPIPE: it has gone. */
static int take_messages(struct network *n)
{
	int r;

	pthread_mutex_lock(&n->lock);
	while (take_message(n, &r))
		;
	pthread_mutex_unlock(&n->lock);
	return r;
}

static void *serve(void *data)
{
	struct network *n = data;
	struct pollfd pfd = {.fd = n->fd, .events = POLLIN};

	/* Answers may still be on their way: what they point to stays. */
	while ((poll(&pfd, 1, -1) >= 0 || errno == EINTR) && take_messages(n) == 0)
		;
	return NULL;
}

/* By which names the app came to the address: all that was told before its call. */
static void add_names(struct network *n, struct net_question *q, bool *ret_once)
{
	struct net_address address = {.family = q->family}, real;
	int64_t now_ms = clock_monotonic_ms();

	memcpy(&address.v6, q->address, q->family == AF_INET ? 4 : 16);
	real = net_address_real(&address);
	(void)take_messages(n);
	pthread_mutex_lock(&n->lock);
	names_tell(n->names, now_ms, &real, q);
	*ret_once = names_has_once(n->names, now_ms, &real);
	pthread_mutex_unlock(&n->lock);
}

static enum consent_verdict decide_call(void *data, struct net_question *q, pid_t pid)
{
	struct network *n = data;
	struct net_target target;
	enum consent_verdict verdict;
	bool once;

	add_names(n, q, &once);
	if (!net_question_target(n->policy, q, &target))
		return CONSENT_DENY;
	verdict = gate_decide_host(n->gate, &target, pid);
	/* appsilo-net knows whether that one use was made. */
	q->consented = verdict == CONSENT_ASK && once;
	if (verdict == CONSENT_DENY)
		gate_record_host_denial(n->gate, &target, pid, "connect", -EACCES);
	return verdict;
}

struct asked_call {
	struct gate_ticket ticket;
	struct carry_asked *asked;
};

static void call_answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct asked_call *a = (struct asked_call *)ticket; /* its first member */

	carry_answered(a->asked, verdict);
	free(a);
}

static void *ask_about_call(void *data, struct net_question *q, pid_t pid, struct carry_asked *asked)
{
	struct network *n = data;
	struct asked_call *a = malloc(sizeof(*a));
	struct net_target target;

	if (!net_question_target(n->policy, q, &target)) {
		free(a);
		return NULL;
	}
	if (a) {
		*a = (struct asked_call){.ticket.answer = call_answered, .asked = asked};
		if (gate_ask_host(n->gate, &target, pid, &a->ticket) == 0)
			return a;
	}
	free(a);
	gate_record_host_denial(n->gate, &target, pid, "connect", -EACCES);
	return NULL;
}

static bool cancel_call(void *data, void *question)
{
	struct network *n = data;
	struct asked_call *a = question;

	if (!gate_cancel(n->gate, &a->ticket))
		return false;
	free(a);
	return true;
}

struct carry_judge network_judge(struct network *n)
{
	return (struct carry_judge){decide_call, ask_about_call, cancel_call, n};
}

int network_start(int fd, struct gate *gate, struct net_policy *policy, struct network **ret)
{
	struct network *n = calloc(1, sizeof(*n));
	int r;

	if (n)
		n->names = names_new();
	if (!n || !n->names) {
		free(n);
		return -ENOMEM;
	}
	n->fd = fd;
	n->gate = gate;
	n->policy = policy;
	pthread_mutex_init(&n->lock, NULL);
	r = thread_detached(serve, n);
	if (r < 0) {
		names_free(n->names);
		free(n);
		return r;
	}
	*ret = n;
	return 0;
}
