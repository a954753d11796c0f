/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions stand in one queue and are put by one thread. Just before a question is shown
 * it is decided again: an answer to an earlier one, a grant from another terminal or
 * another run may have settled it. So an answer applies to everything it covers, and equal
 * questions are shown once.
 */
#include "broker/gate_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include <string.h>
#include <sys/eventfd.h>

static void *prompt_thread(void *data);

void gate_question_free(struct gate_question *q)
{
	if (!q)
		return;
	free((char *)q->request.path);
	free((char *)q->request.operation);
	free(q->host);
	free(q);
}

void gate_count(struct gate *g, bool allowed)
{
	pthread_mutex_lock(&g->lock);
	if (allowed)
		g->counts.allowed++;
	else
		g->counts.denied++;
	pthread_mutex_unlock(&g->lock);
}

bool gate_is_mute(struct gate *g)
{
	bool mute;

	pthread_mutex_lock(&g->lock);
	mute = g->no_prompter || g->deny_all;
	pthread_mutex_unlock(&g->lock);
	return mute;
}

const char *gate_why_denied(struct gate *g)
{
	const char *why;

	if (g->config.attempts)
		return "profile";
	pthread_mutex_lock(&g->lock);
	why = g->deny_all ? "denied-all" : g->no_prompter ? "no-prompter" : "prompt";
	pthread_mutex_unlock(&g->lock);
	return why;
}

static bool is_equal(const struct gate_question *a, const struct gate_question *b)
{
	return a->kind == b->kind && a->kind->equal(a, b);
}

static struct gate_question *find_equal(struct gate *g, const struct gate_question *wanted)
{
	for (struct gate_question *q = g->first; q; q = q->next)
		if (is_equal(q, wanted))
			return q;
	/* One that nobody waits for any more is being taken away: it would answer no. */
	return g->shown && g->shown->tickets && is_equal(g->shown, wanted) ? g->shown : NULL;
}

static int enqueue(struct gate *g, struct gate_question *q)
{
	if (!g->running && pthread_create(&g->thread, NULL, prompt_thread, g) != 0)
		return -ENOMEM;
	g->running = true;
	*g->end = q;
	g->end = &q->next;
	pthread_cond_signal(&g->arrived);
	(void)eventfd_write(g->waiting_fd, 1); /* full: it is readable all the same */
	return 0;
}

int gate_park(struct gate *g, struct gate_question *fresh, struct gate_ticket *ticket)
{
	struct gate_question *q;
	int r = 0;

	pthread_mutex_lock(&g->lock);
	q = find_equal(g, fresh);
	if (g->stopping || g->n_tickets >= GATE_PENDING_MAX)
		r = -EAGAIN;
	else if (!q && (r = enqueue(g, fresh)) == 0)
		q = TAKE_PTR(fresh);
	if (r == 0) {
		ticket->question = q;
		ticket->next = q->tickets;
		q->tickets = ticket;
		g->n_tickets++;
	}
	pthread_mutex_unlock(&g->lock);
	gate_question_free(fresh);
	return r;
}

bool gate_cancel(struct gate *g, struct gate_ticket *ticket)
{
	struct gate_question *q = NULL;
	bool found = false;

	pthread_mutex_lock(&g->lock);
	q = ticket->question;
	for (struct gate_ticket **at = q ? &q->tickets : NULL; at && *at; at = &(*at)->next) {
		if (*at != ticket)
			continue;
		*at = ticket->next;
		ticket->question = NULL;
		g->n_tickets--;
		found = true;
		break;
	}
	/* Nobody waits for the question on the screen: take it away. */
	if (found && q == g->shown && !q->tickets)
		eventfd_write(g->cancel_fd, 1);
	pthread_mutex_unlock(&g->lock);
	return found;
}

static void settle(struct gate *g, struct gate_question *q, enum consent_verdict verdict)
{
	struct gate_ticket *ticket;

	pthread_mutex_lock(&g->lock);
	g->shown = NULL;
	ticket = TAKE_PTR(q->tickets);
	for (struct gate_ticket *t = ticket; t; t = t->next) {
		t->question = NULL;
		g->n_tickets--;
	}
	pthread_mutex_unlock(&g->lock);
	while (ticket) {
		struct gate_ticket *next = ticket->next; /* the answer may free it */

		ticket->row = q->kind->count(g, q, verdict == CONSENT_ALLOW);
		ticket->answer(ticket, verdict);
		ticket = next;
	}
}

/* Denials in quick succession make the prompter offer to deny the rest. */
static bool note_denial(struct gate *g, bool denied)
{
	int64_t now = clock_monotonic_ms();

	if (denied) {
		memmove(g->denials_ms, g->denials_ms + 1, sizeof(g->denials_ms) - sizeof(int64_t));
		g->denials_ms[BURST_DENIALS - 1] = now;
	}
	return g->denials_ms[0] && now - g->denials_ms[0] <= BURST_MS;
}

static unsigned int count_waiting(void *data)
{
	struct gate *g = data;
	unsigned int n = 0;

	pthread_mutex_lock(&g->lock);
	for (const struct gate_question *q = g->first; q; q = q->next)
		n += q->tickets != NULL;
	pthread_mutex_unlock(&g->lock);
	return n;
}

/* The run has no way to ask: say so once, deny from now on. */
static void give_up(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->no_prompter = true;
	pthread_mutex_unlock(&g->lock);
	if (!g->config.quiet)
		log_warning("nobody can be asked here (no terminal, no --prompt): denying what was not "
			    "granted; see appsilo why");
}

/* Once: a prompter that is not there is not there for the next question either. */
static void complain(struct gate *g, const char *problem)
{
	if (strcmp(problem, g->complaint) == 0)
		return;
	snprintf(g->complaint, sizeof(g->complaint), "%s", problem);
	log_warning("%s; denied, not remembered", problem);
}

static enum consent_verdict put_question(struct gate *g, struct gate_question *q)
{
	struct prompt_question question = {
		.package = g->config.decider.family,
		.app = g->config.app,
		.real = g->config.real,
		.signer = g->config.signer,
		.waiting_fd = g->waiting_fd,
		.count_waiting = count_waiting,
		.data = g,
		.offer_deny_all = note_denial(g, false),
	};
	struct prompt_answer answer;
	enum consent_verdict verdict;
	eventfd_t counted;

	if (!g->prompter && !g->no_prompter)
		g->prompter = g->config.make_prompter(g->config.data);
	if (!g->prompter) {
		if (!g->no_prompter)
			give_up(g);
		return CONSENT_DENY;
	}
	q->kind->describe(g, q, &question);
	(void)eventfd_read(g->waiting_fd, &counted);
	question.waiting = count_waiting(g);
	pthread_mutex_lock(&g->lock);
	question.id = ++g->next_id;
	g->counts.asked++;
	pthread_mutex_unlock(&g->lock);
	g->prompter->ask(g->prompter, &question, g->cancel_fd, &answer);
	if (answer.failed) {
		if (!g->config.quiet && answer.problem[0])
			complain(g, answer.problem);
		return CONSENT_DENY;
	}
	if (answer.deny_all) {
		pthread_mutex_lock(&g->lock);
		g->deny_all = true;
		pthread_mutex_unlock(&g->lock);
	}
	if (answer.scope != CONSENT_ONCE)
		q->kind->remember(g, q, &answer);
	verdict = answer.verdict;
	if (verdict == CONSENT_ALLOW && !q->kind->suffices(q, &answer))
		verdict = CONSENT_DENY;
	if (verdict == CONSENT_ALLOW) /* a denial is recorded with its call */
		q->kind->record(g, q, true);
	note_denial(g, verdict == CONSENT_DENY);
	return verdict;
}

static void handle(struct gate *g, struct gate_question *q)
{
	enum consent_verdict verdict = CONSENT_DENY;
	bool wanted, asked = false;

	pthread_mutex_lock(&g->lock);
	wanted = q->tickets && !g->deny_all && !g->stopping;
	pthread_mutex_unlock(&g->lock);
	if (wanted) {
		verdict = q->kind->decide(g, q);
		asked = verdict == CONSENT_ASK;
		if (asked)
			verdict = put_question(g, q);
	}
	if (verdict != CONSENT_ALLOW)
		q->kind->record(g, q, false);
	settle(g, q, verdict == CONSENT_ALLOW ? CONSENT_ALLOW : CONSENT_DENY);
	gate_question_free(q);
	if (asked && g->config.on_answered)
		g->config.on_answered(g->config.data);
}

static void *prompt_thread(void *data)
{
	struct gate *g = data;

	pthread_mutex_lock(&g->lock);
	for (;;) {
		struct gate_question *q;
		eventfd_t late;

		while (!g->first && !g->stopping)
			pthread_cond_wait(&g->arrived, &g->lock);
		if (!g->first)
			break;
		q = g->first;
		g->first = q->next;
		if (!g->first)
			g->end = &g->first;
		q->next = NULL;
		g->shown = q;
		/* Whoever left the question before must not take this one away. */
		(void)eventfd_read(g->cancel_fd, &late);
		pthread_mutex_unlock(&g->lock);
		handle(g, q);
		pthread_mutex_lock(&g->lock);
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

int gate_new(const struct gate_config *config, struct gate **ret, struct appsilo_error *err)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return error_set(err, -ENOMEM, "broker");
	g->config = *config;
	g->end = &g->first;
	g->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	g->waiting_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->cancel_fd < 0 || g->waiting_fd < 0) {
		close_keep_errno(g->cancel_fd);
		free(g);
		return error_set(err, -errno, "broker: event descriptor");
	}
	pthread_mutex_init(&g->lock, NULL);
	pthread_mutex_init(&g->hosts_lock, NULL);
	pthread_cond_init(&g->arrived, NULL);
	g->hosts_version = -1;
	if (config->policy)
		g->hosts_changes = net_policy_changes(config->policy);
	if (config->decider.store)
		g->store_version = consent_store_version(config->decider.store);
	*ret = g;
	return 0;
}

void gate_stop(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->stopping = true;
	pthread_cond_signal(&g->arrived);
	eventfd_write(g->cancel_fd, 1);
	pthread_mutex_unlock(&g->lock);
	if (g->running)
		pthread_join(g->thread, NULL);
	if (g->prompter)
		g->prompter->free(TAKE_PTR(g->prompter));
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < RECENT_FOLDERS; i++)
		free(g->folders[i].path);
	close_keep_errno(g->cancel_fd);
	close_keep_errno(g->waiting_fd);
	pthread_cond_destroy(&g->arrived);
	pthread_mutex_destroy(&g->hosts_lock);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

void gate_poll_store(struct gate *g, bool anew)
{
	int64_t version = g->config.decider.store
				  ? consent_store_version(g->config.decider.store)
				  : 0;
	bool changed;

	pthread_mutex_lock(&g->lock);
	changed = anew || version != g->store_version;
	g->store_version = version;
	pthread_mutex_unlock(&g->lock);
	if (changed && g->config.on_change)
		g->config.on_change(g->config.data, NULL);
	if (anew) {
		pthread_mutex_lock(&g->hosts_lock);
		g->hosts_version = -1;
		pthread_mutex_unlock(&g->hosts_lock);
	}
	if (changed)
		gate_poll_hosts(g);
}

void gate_get_counts(struct gate *g, struct gate_counts *ret)
{
	pthread_mutex_lock(&g->lock);
	*ret = g->counts;
	pthread_mutex_unlock(&g->lock);
}

void gate_get_account(struct gate *g, struct net_account *ret)
{
	pthread_mutex_lock(&g->lock);
	*ret = g->account;
	pthread_mutex_unlock(&g->lock);
}

struct waiter {
	struct gate_ticket ticket;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done;
	enum consent_verdict verdict;
};

static void wake_waiter(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct waiter *w = (struct waiter *)ticket; /* its first member */

	pthread_mutex_lock(&w->lock);
	w->verdict = verdict;
	w->done = true;
	pthread_cond_signal(&w->answered);
	pthread_mutex_unlock(&w->lock);
}

enum consent_verdict gate_ask_wait(struct gate *g, const struct consent_request *request)
{
	struct waiter w = {.ticket.answer = wake_waiter};

	pthread_mutex_init(&w.lock, NULL);
	pthread_cond_init(&w.answered, NULL);
	if (gate_ask(g, request, &w.ticket) < 0)
		return CONSENT_DENY;
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.answered, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.verdict;
}
