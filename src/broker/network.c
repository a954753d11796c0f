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
	struct network_config config; /* fd: sent to by several threads, one message at a time */
	pthread_mutex_t lock; /* over taking a message and what it says; guards what follows */
	struct names *names;  /* those that appsilo-net has told */
	bool begun;
	struct net_servers_seen servers;
	int servers_fd; /* owned; goes with the next answer */
	int bytes_fd;	/* owned; of the program's own NET_BEGINS; atomic */
};

struct pending {
	struct gate_ticket ticket;
	struct network *network;
	uint64_t id;
};

static void answer(struct network *n, const struct net_answer *answer)
{
	cleanup_close int fd = answer->late ? -EBADF : TAKE_FD(n->servers_fd);

	/* It has gone: the sandbox has no network any more. */
	(void)!fd_send(n->config.fd, answer, sizeof(*answer), &fd, fd >= 0);
}

static void answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct pending *p = (struct pending *)ticket; /* its first member */

	answer(p->network, &(struct net_answer){.id = p->id, .verdict = verdict, .late = true, .row = ticket->row});
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
		*p = (struct pending){.ticket.answer = answered, .network = n, .id = id};
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
		answer(n, &(struct net_answer){.id = q->id,
					       .verdict = CONSENT_ALLOW,
					       .row = gate_account_row(n->config.gate, &target)});
		return;
	}
	record_denial(n, &target);
	answer(n, &(struct net_answer){.id = q->id, .verdict = CONSENT_DENY});
}

/* Returns false when there is nothing (more) to take. */
static bool take_message(struct network *n, int *ret_error)
{
	struct net_question q;
	int bytes_fd = -EBADF;
	int r = net_question_receive(n->config.fd, MSG_DONTWAIT, &q, &bytes_fd);

	*ret_error = r == 0 ? -EPIPE : 0;
	if (r <= 0)
		return false;
	if (q.kind == NET_TELL_NAME)
		names_told(n->names, &q, clock_monotonic_ms());
	else if (q.kind == NET_BEGINS)
		begin(n, TAKE_FD(bytes_fd));
	else if (q.kind == NET_ASK_IN)
		let_in(n, &q);
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
	struct pollfd pfd = {.fd = n->config.fd, .events = POLLIN};

	/* Answers may still be on their way: what they point to stays. */
	while ((poll(&pfd, 1, -1) >= 0 || errno == EINTR) && take_messages(n) == 0)
		;
	if (n->begun)
		n->config.on_death(n->config.data);
	return NULL;
}

/* By which names the app came to the address: all that was told before its call. */
static void add_names(struct network *n, struct net_question *q, bool *ret_once)
{
	struct net_address address = net_question_address(q), real = net_address_real(&address);
	int64_t now_ms = clock_monotonic_ms();

	(void)take_messages(n);
	pthread_mutex_lock(&n->lock);
	names_tell(n->names, now_ms, &real, q);
	*ret_once = names_has_once(n->names, now_ms, &real);
	pthread_mutex_unlock(&n->lock);
}

static enum consent_verdict decide_call(void *data, struct net_question *q, pid_t pid, uint32_t *ret_row)
{
	struct network *n = data;
	struct net_target target;
	enum consent_verdict verdict;
	bool once;

	add_names(n, q, &once);
	if (!net_question_target(n->config.policy, q, &target))
		return CONSENT_DENY;
	verdict = gate_decide_host(n->config.gate, &target, pid);
	/* appsilo-net knows whether that one use was made. */
	q->consented = verdict == CONSENT_ASK && once;
	if (verdict == CONSENT_DENY)
		gate_record_host_denial(n->config.gate, &target, pid, "connect", -EACCES);
	if (verdict == CONSENT_ALLOW)
		*ret_row = gate_account_row(n->config.gate, &target);
	return verdict;
}

struct asked_call {
	struct gate_ticket ticket;
	struct carry_asked *asked;
};

static void call_answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct asked_call *a = (struct asked_call *)ticket; /* its first member */

	carry_answered(a->asked, verdict, ticket->row);
	free(a);
}

static void *ask_about_call(void *data, struct net_question *q, pid_t pid, struct carry_asked *asked)
{
	struct network *n = data;
	struct asked_call *a = malloc(sizeof(*a));
	struct net_target target;

	if (!net_question_target(n->config.policy, q, &target)) {
		free(a);
		return NULL;
	}
	if (a) {
		*a = (struct asked_call){.ticket.answer = call_answered, .asked = asked};
		if (gate_ask_host(n->config.gate, &target, pid, &a->ticket) == 0)
			return a;
	}
	free(a);
	gate_record_host_denial(n->config.gate, &target, pid, "connect", -EACCES);
	return NULL;
}

static bool cancel_call(void *data, void *question)
{
	struct network *n = data;
	struct asked_call *a = question;

	if (!gate_cancel(n->config.gate, &a->ticket))
		return false;
	free(a);
	return true;
}

struct carry_judge network_judge(struct network *n)
{
	return (struct carry_judge){decide_call, ask_about_call, cancel_call, n};
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

	if (n)
		n->names = names_new();
	if (!n || !n->names) {
		free(n);
		return -ENOMEM;
	}
	n->config = *config;
	n->servers_fd = n->bytes_fd = -EBADF;
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
