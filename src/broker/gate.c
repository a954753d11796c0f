/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions stand in one queue and are put by one thread. Just before a question is shown
 * it is decided again: an answer to an earlier one, a grant from another terminal or
 * another run may have settled it. So an answer applies to everything it covers, and equal
 * questions are shown once.
 */
#include "broker/gate_new.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "consent/caution.h"
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#define BURST_DENIALS 5
#define BURST_MS 10000
#define RECENT_FOLDERS 16

struct gate_question {
	struct gate_question *next;
	struct gate_ticket *tickets; /* whose answer() is due; borrowed */
	struct consent_request request; /* strings owned */
};

struct gate {
	struct gate_config config;
	struct prompter *prompter; /* owned; made and used by the prompt thread only */
	bool no_prompter;
	pthread_t thread; /* started with the first question */
	bool running;	  /* under lock */
	int cancel_fd;	      /* eventfd: the question shown is not needed any more */
	int64_t store_version; /* prompt and main thread, under lock */
	pthread_mutex_t lock; /* guards everything below */
	pthread_cond_t arrived;
	struct gate_question *first, **end;
	struct gate_question *shown;
	size_t n_tickets;
	bool stopping, deny_all;
	int64_t next_id;
	int64_t denials_ms[BURST_DENIALS];
	struct {
		char *path; /* owned */
		unsigned int count;
	} folders[RECENT_FOLDERS];
	size_t next_folder;
	struct gate_counts counts;
};

static void *prompt_thread(void *data);

static void free_question(struct gate_question *q)
{
	free((char *)q->request.path);
	free((char *)q->request.operation);
	free(q);
}

static bool is_probe(const struct consent_request *r)
{
	return strcmp(r->operation, "stat") == 0 || strcmp(r->operation, "access") == 0;
}

static void count(struct gate *g, bool allowed)
{
	pthread_mutex_lock(&g->lock);
	if (allowed)
		g->counts.allowed++;
	else
		g->counts.denied++;
	pthread_mutex_unlock(&g->lock);
}

enum consent_verdict gate_decide(struct gate *g, const struct consent_request *request)
{
	struct decision decision;

	decide(&g->config.decider, request->path, request->access, &decision);
	if (is_probe(request))
		return decision.verdict;
	if (decision.verdict == CONSENT_ALLOW) {
		count(g, true);
		recorder_audit(g->config.recorder, request, true, "rule", &decision);
	}
	if (decision.verdict == CONSENT_ASK) {
		bool nobody;

		pthread_mutex_lock(&g->lock);
		nobody = g->no_prompter || g->deny_all;
		pthread_mutex_unlock(&g->lock);
		if (nobody)
			return CONSENT_DENY;
	}
	return decision.verdict;
}

bool gate_protected_below(struct gate *g, const char *folder, enum consent_access access)
{
	return decide_protected_below(&g->config.decider, folder, access);
}

void gate_used(struct gate *g, const char *folder)
{
	if (g->config.on_used)
		g->config.on_used(g->config.data, folder);
}

static void record_denial(struct gate *g, const struct consent_request *request, const char *call,
			  int code)
{
	struct decision decision;
	const char *source;

	decide(&g->config.decider, request->path, request->access, &decision);
	pthread_mutex_lock(&g->lock);
	source = decision.by_never_list			   ? "never-list"
		 : decision.by_rule && decision.verdict == CONSENT_DENY ? "rule"
		 : g->deny_all					   ? "denied-all"
		 : g->no_prompter				   ? "no-prompter"
								   : "prompt";
	pthread_mutex_unlock(&g->lock);
	recorder_denial(g->config.recorder, request, call, code, source, &decision);
}

void gate_record_denial(struct gate *g, const struct consent_request *request, const char *call,
			int code)
{
	count(g, false);
	record_denial(g, request, call, code);
}

static struct gate_question *find_equal(struct gate *g, const struct consent_request *r)
{
	for (struct gate_question *q = g->first; q; q = q->next)
		if (q->request.access == r->access && strcmp(q->request.path, r->path) == 0)
			return q;
	if (g->shown && g->shown->request.access == r->access &&
	    strcmp(g->shown->request.path, r->path) == 0)
		return g->shown;
	return NULL;
}

static struct gate_question *add_question(struct gate *g, const struct consent_request *r)
{
	struct gate_question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->request = *r;
	q->request.path = strdup(r->path);
	q->request.operation = strdup(r->operation);
	if (!q->request.path || !q->request.operation) {
		free_question(q);
		return NULL;
	}
	if (!g->running && pthread_create(&g->thread, NULL, prompt_thread, g) != 0) {
		free_question(q);
		return NULL;
	}
	g->running = true;
	*g->end = q;
	g->end = &q->next;
	pthread_cond_signal(&g->arrived);
	return q;
}

int gate_ask(struct gate *g, const struct consent_request *request, struct gate_ticket *ticket)
{
	struct gate_question *q;
	int r = 0;

	pthread_mutex_lock(&g->lock);
	q = find_equal(g, request);
	if (g->stopping || g->n_tickets >= GATE_PENDING_MAX)
		r = -EAGAIN;
	else if (!q && !(q = add_question(g, request)))
		r = -ENOMEM;
	if (r == 0) {
		ticket->question = q;
		ticket->next = q->tickets;
		q->tickets = ticket;
		g->n_tickets++;
	}
	pthread_mutex_unlock(&g->lock);
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

		count(g, verdict == CONSENT_ALLOW);
		ticket->answer(ticket, verdict);
		ticket = next;
	}
}

static void remember(struct gate *g, const struct consent_request *request,
		     const struct prompt_answer *answer)
{
	char folder[PATH_MAX];
	struct consent_rule rule = {
		.family = g->config.decider.family,
		.path = request->path,
		.target = answer->target,
		.access = answer->access,
		.verdict = answer->verdict,
		.scope = answer->scope,
		.source = CONSENT_FROM_PROMPT,
		.time_ms = clock_realtime_ms(),
	};
	struct appsilo_error err = {0};
	int r = -1;

	if (answer->target == CONSENT_FOLDER && request->target == CONSENT_FILE) {
		size_t n = path_parent_length(request->path, strlen(request->path));

		snprintf(folder, sizeof(folder), "%.*s", (int)n, request->path);
		rule.path = folder;
	}
	if (rule.scope == CONSENT_ALWAYS && g->config.decider.store) {
		r = consent_store_put(g->config.decider.store, &rule, &err);
		if (r < 0)
			log_warning("%s; the answer holds until the program ends", err.line);
	}
	if (r < 0)
		r = session_put(g->config.decider.session, &rule);
	if (r < 0)
		log_warning("an answer could not be kept, it holds for this one request");
	if (g->config.on_change)
		g->config.on_change(g->config.data, rule.path);
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

static unsigned int count_sibling(struct gate *g, const struct consent_request *r)
{
	size_t n = path_parent_length(r->path, strlen(r->path));

	for (size_t i = 0; i < RECENT_FOLDERS; i++)
		if (g->folders[i].path && strlen(g->folders[i].path) == n &&
		    strncmp(g->folders[i].path, r->path, n) == 0)
			return g->folders[i].count++;
	free(g->folders[g->next_folder].path);
	g->folders[g->next_folder].path = strndup(r->path, n);
	g->folders[g->next_folder].count = 1;
	g->next_folder = (g->next_folder + 1) % RECENT_FOLDERS;
	return 0;
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

static bool folder_has_git(const struct consent_request *r)
{
	size_t n = path_parent_length(r->path, strlen(r->path));
	char path[PATH_MAX];

	return r->access == CONSENT_WRITE &&
	       snprintf(path, sizeof(path), "%.*s/.git", (int)n, r->path) < PATH_MAX &&
	       access(path, F_OK) == 0; /* only a note in the question hangs on it */
}

static enum consent_verdict put_question(struct gate *g, struct gate_question *q)
{
	struct prompt_question question = {
		.package = g->config.decider.family,
		.app = g->config.app,
		.real = g->config.real,
		.request = q->request,
		.siblings = count_sibling(g, &q->request),
		.offer_deny_all = note_denial(g, false),
		.offer_folder = caution_may_widen(&g->config.decider.places, &q->request),
		.folder_has_git = folder_has_git(&q->request),
		.caution = caution_about(&g->config.decider.places, &q->request),
	};
	struct prompt_answer answer;
	enum consent_verdict verdict;

	if (!g->prompter && !g->no_prompter)
		g->prompter = g->config.make_prompter(g->config.data);
	if (!g->prompter) {
		if (!g->no_prompter)
			give_up(g);
		return CONSENT_DENY;
	}
	pthread_mutex_lock(&g->lock);
	question.id = ++g->next_id;
	g->counts.asked++;
	pthread_mutex_unlock(&g->lock);
	g->prompter->ask(g->prompter, &question, g->cancel_fd, &answer);
	if (answer.failed) {
		if (!g->config.quiet && answer.problem[0])
			log_warning("%s; denied, not remembered", answer.problem);
		return CONSENT_DENY;
	}
	if (answer.deny_all) {
		pthread_mutex_lock(&g->lock);
		g->deny_all = true;
		pthread_mutex_unlock(&g->lock);
	}
	if (answer.scope != CONSENT_ONCE)
		remember(g, &q->request, &answer);
	verdict = answer.verdict;
	/* Only reading was allowed where writing was asked. */
	if (verdict == CONSENT_ALLOW && answer.access == CONSENT_READ &&
	    q->request.access == CONSENT_WRITE)
		verdict = CONSENT_DENY;
	if (verdict == CONSENT_ALLOW) /* a denial is recorded with its call */
		recorder_audit(g->config.recorder, &q->request, true, "prompt", NULL);
	note_denial(g, verdict == CONSENT_DENY);
	return verdict;
}

static void handle(struct gate *g, struct gate_question *q)
{
	struct decision decision;
	enum consent_verdict verdict;
	bool wanted, asked = false;

	pthread_mutex_lock(&g->lock);
	wanted = q->tickets && !g->deny_all && !g->stopping;
	pthread_mutex_unlock(&g->lock);
	if (!wanted) {
		verdict = CONSENT_DENY;
	} else {
		decide(&g->config.decider, q->request.path, q->request.access, &decision);
		asked = decision.verdict == CONSENT_ASK;
		verdict = asked ? put_question(g, q) : decision.verdict;
	}
	if (verdict != CONSENT_ALLOW)
		record_denial(g, &q->request, q->request.operation, -EACCES);
	settle(g, q, verdict == CONSENT_ALLOW ? CONSENT_ALLOW : CONSENT_DENY);
	free_question(q);
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
	if (g->cancel_fd < 0) {
		free(g);
		return error_set(err, -errno, "broker: event descriptor");
	}
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->arrived, NULL);
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

void gate_poll_store(struct gate *g)
{
	int64_t version = g->config.decider.store
				  ? consent_store_version(g->config.decider.store)
				  : 0;
	bool changed;

	pthread_mutex_lock(&g->lock);
	changed = version != g->store_version;
	g->store_version = version;
	pthread_mutex_unlock(&g->lock);
	if (changed && g->config.on_change)
		g->config.on_change(g->config.data, NULL);
}

void gate_get_counts(struct gate *g, struct gate_counts *ret)
{
	pthread_mutex_lock(&g->lock);
	*ret = g->counts;
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
