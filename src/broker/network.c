/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/network.h"

#include "base/fd.h"
#include "base/thread.h"
#include "transport/question.h"

struct network {
	struct network_config config; /* fd: sent to by several threads, one message at a time */
	bool begun;
	struct net_servers_seen servers; /* this and the next: the thread's */
	int servers_fd;			 /* owned; goes with its next answer */
	int bytes_fd; /* owned; of the program's own NET_BEGINS; atomic */
};

struct pending {
	struct gate_ticket ticket;
	struct network *network;
	uint64_t id;
	struct net_target target; /* name: below, or NULL */
	char name[NET_NAME_SIZE];
};

static void answer(struct network *n, const struct net_answer *answer)
{
	cleanup_close int fd = answer->late ? -EBADF : TAKE_FD(n->servers_fd);

	/* It has gone: the sandbox has no network any more. */
	(void)!fd_send(n->config.fd, answer, sizeof(*answer), &fd, fd >= 0);
}

static void allow(struct network *n, uint64_t id, const struct net_target *target, bool late)
{
	answer(n, &(struct net_answer){.id = id,
				       .verdict = CONSENT_ALLOW,
				       .late = late,
				       .row = gate_account_row(n->config.gate, target)});
}

static void answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct pending *p = (struct pending *)ticket; /* its first member */

	if (verdict == CONSENT_ALLOW)
		allow(p->network, p->id, &p->target, true);
	else
		answer(p->network, &(struct net_answer){.id = p->id, .verdict = CONSENT_DENY, .late = true});
	free(p);
}

static void record_denial(struct network *n, const struct net_target *t)
{
	int code;
	const char *call = net_question_refusal(t, &code);

	gate_record_host_denial(n->config.gate, t, 0, call, code);
}

static void ask(struct network *n, uint64_t id, const struct net_target *target)
{
	struct pending *p = calloc(1, sizeof(*p));

	/* The first answer goes before the second. */
	answer(n, &(struct net_answer){.id = id, .verdict = CONSENT_ASK});
	if (p) {
		*p = (struct pending){
			.ticket.answer = answered, .network = n, .id = id, .target = *target};
		if (target->name) {
			snprintf(p->name, sizeof(p->name), "%s", target->name);
			p->target.name = p->name;
		}
		if (gate_ask_host(n->config.gate, target, 0, &p->ticket) == 0)
			return;
	}
	free(p);
	record_denial(n, target);
	answer(n, &(struct net_answer){.id = id, .verdict = CONSENT_DENY, .late = true});
}

/* Whom --publish lets in, nobody is asked about. */
static void let_in(struct network *n, const struct net_question *q)
{
	struct net_answer in = {.id = q->id, .verdict = CONSENT_DENY};

	if (gate_let_in(n->config.gate, q->port, &in.row))
		in.verdict = CONSENT_ALLOW;
	answer(n, &in);
}

/* Of the two who say so, appsilo-net brings the memory, before it reads a hostile byte. */
static void begin(struct network *n, int bytes_fd)
{
	n->begun = true;
	if (n->bytes_fd < 0)
		__atomic_store_n(&n->bytes_fd, bytes_fd, __ATOMIC_RELEASE);
	else
		close_keep_errno(bytes_fd);
}

static void handle(struct network *n, struct net_question *q)
{
	struct net_target target;
	enum consent_verdict verdict = CONSENT_DENY;

	if (q->kind == NET_ASK_NAME)
		n->servers_fd = net_question_servers(&n->servers);
	if (net_question_target(n->config.policy, q, &target))
		verdict = gate_decide_host(n->config.gate, &target, 0);
	else
		target = (struct net_target){.address.family = AF_UNSPEC, .name = ""};
	if (verdict == CONSENT_ASK && q->consented && q->kind == NET_ASK_TARGET) {
		gate_count_consented(n->config.gate, &target, 0);
		verdict = CONSENT_ALLOW;
	}
	if (verdict == CONSENT_ASK && q->full)
		verdict = CONSENT_DENY;
	if (verdict == CONSENT_ASK) {
		ask(n, q->id, &target);
		return;
	}
	if (verdict == CONSENT_ALLOW) {
		allow(n, q->id, &target, false);
		return;
	}
	record_denial(n, &target);
	answer(n, &(struct net_answer){.id = q->id, .verdict = CONSENT_DENY});
}

static void *serve(void *data)
{
	struct network *n = data;
	struct net_question q;
	int bytes_fd = -EBADF;

	/* Answers may still be on their way: what they point to stays. */
	while (net_question_receive(n->config.fd, 0, &q, &bytes_fd) > 0) {
		if (q.kind == NET_BEGINS)
			begin(n, TAKE_FD(bytes_fd));
		else if (q.kind == NET_ASK_IN)
			let_in(n, &q);
		else
			handle(n, &q);
	}
	if (n->begun)
		n->config.on_death(n->config.data);
	return NULL;
}

void network_doubt(struct network *n)
{
	answer(n, &(struct net_answer){.late = true});
}

void network_add_bytes(struct network *n, struct net_account *account)
{
	net_question_add_bytes(__atomic_load_n(&n->bytes_fd, __ATOMIC_ACQUIRE), account);
}

int network_start(const struct network_config *config, struct network **ret)
{
	struct network *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	*n = (struct network){.config = *config, .servers_fd = -EBADF, .bytes_fd = -EBADF};
	r = thread_detached(serve, n);
	if (r == 0)
		*ret = n;
	else
		free(n);
	return r;
}
