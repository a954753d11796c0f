/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/network.h"

#include "base/fd.h"
#include "base/thread.h"
#include "transport/question.h"

struct network {
	int fd; /* owned; sent to by several threads, one message at a time */
	struct gate *gate;
	struct net_policy *policy;
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

static void *serve(void *data)
{
	struct network *n = data;
	struct net_question q;
	int none[FD_PASS_MAX];

	/* Answers may still be on their way: what they point to stays. */
	while (fd_receive(n->fd, &q, sizeof(q), 0, none) == sizeof(q))
		handle(n, &q);
	return NULL;
}

int network_start(int fd, struct gate *gate, struct net_policy *policy)
{
	struct network *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	*n = (struct network){.fd = fd, .gate = gate, .policy = policy};
	r = thread_detached(serve, n);
	if (r < 0)
		free(n);
	return r;
}
