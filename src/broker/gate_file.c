/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about files. */
#include "broker/gate_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "consent/caution.h"
#include <limits.h>
#include <string.h>

static bool is_probe(const struct consent_request *r)
{
	return strcmp(r->operation, "stat") == 0 || strcmp(r->operation, "access") == 0;
}

/* As if a person had said yes to the folder and all in it, until the program ends. */
static void open_whole(struct gate *g, const char *folder, enum consent_access access)
{
	struct consent_rule rule = {.family = g->config.decider.family,
				    .path = folder,
				    .target = CONSENT_FOLDER,
				    .access = access,
				    .verdict = CONSENT_ALLOW,
				    .scope = CONSENT_SESSION,
				    .source = CONSENT_FROM_COMMAND_LINE,
				    .time_ms = clock_realtime_ms()};

	/* Without it, each access goes on to be let through by itself. */
	if (session_put(g->config.decider.session, &rule) == 0)
		gate_used(g, folder);
}

/* Of a profiled run: what could have been asked about. A denial is recorded with its call. */
static enum consent_verdict let_through(struct gate *g, const struct consent_request *request)
{
	char allow[RECORDER_REMEDY_MAX], folder[PATH_MAX];

	if (!attempts_let_through(g->config.attempts))
		return CONSENT_DENY;
	gate_count(g, true);
	recorder_audit(g->config.recorder, request, true, "profile", NULL);
	recorder_remedy(g->config.recorder, request, false, shell_quote_shown, allow);
	if (attempts_file(g->config.attempts, request, true, "no-rule", allow, folder))
		open_whole(g, folder, request->access);
	return CONSENT_ALLOW;
}

/* Attributes show as they would if the question had been answered as it was decided here. */
static enum consent_verdict decide_probe(struct gate *g, const struct consent_request *request,
					 enum consent_verdict verdict)
{
	bool seen = verdict == CONSENT_ASK && g->config.attempts &&
		    attempts_let_through(g->config.attempts) &&
		    attempts_knows(g->config.attempts, request->path, request->access);

	return seen ? CONSENT_ALLOW : verdict;
}

void gate_permit(struct gate *g, struct gate_permit *permit)
{
	pthread_mutex_lock(&g->lock);
	permit->next = g->permits;
	__atomic_store_n(&g->permits, permit, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&g->lock);
}

void gate_permit_end(struct gate *g, struct gate_permit *permit)
{
	struct gate_permit **at = &g->permits;

	pthread_mutex_lock(&g->lock);
	while (*at && *at != permit)
		at = &(*at)->next;
	if (*at)
		__atomic_store_n(at, permit->next, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&g->lock);
}

/* Returns false when it is not such a process that asks. */
static bool is_permitted(struct gate *g, const struct consent_request *request, enum consent_verdict *ret)
{
	const struct gate_permit *p;

	if (!__atomic_load_n(&g->permits, __ATOMIC_ACQUIRE)) /* mostly: no lock for it */
		return false;
	*ret = CONSENT_DENY;
	pthread_mutex_lock(&g->lock);
	for (p = g->permits; p && p->pid != request->pid; p = p->next)
		;
	for (size_t i = 0; p && i < ARRAY_SIZE(p->paths); i++)
		if (p->paths[i] && strcmp(p->paths[i], request->path) == 0)
			*ret = CONSENT_ALLOW;
	pthread_mutex_unlock(&g->lock);
	return p;
}

enum consent_verdict gate_decide(struct gate *g, const struct consent_request *request)
{
	enum consent_verdict permitted;
	struct decision decision;

	if (!is_probe(request) && is_permitted(g, request, &permitted))
		return permitted;
	decide(&g->config.decider, request->path, request->access, &decision);
	if (is_probe(request))
		return decide_probe(g, request, decision.verdict);
	if (decision.verdict == CONSENT_ASK && g->config.attempts)
		return let_through(g, request);
	if (decision.verdict == CONSENT_ALLOW) {
		gate_count(g, true);
		decide_note_used(&g->config.decider, &decision);
		recorder_audit(g->config.recorder, request, true, "rule", &decision);
	}
	if (decision.verdict == CONSENT_ASK && gate_is_mute(g))
		return CONSENT_DENY;
	return decision.verdict;
}

bool gate_protected_below(struct gate *g, const char *folder, enum consent_access access)
{
	return decide_protected_below(&g->config.decider, folder, access);
}

bool gate_clear_below(struct gate *g, const char *path)
{
	return !g->config.clear_below || g->config.clear_below(g->config.data, path);
}

void gate_used(struct gate *g, const char *folder)
{
	if (g->config.on_used)
		g->config.on_used(g->config.data, folder);
}

static void record_denial(struct gate *g, const struct consent_request *request, const char *call,
			  int code)
{
	char allow[RECORDER_REMEDY_MAX], folder[PATH_MAX];
	struct decision decision;
	const char *source;

	decide(&g->config.decider, request->path, request->access, &decision);
	source = decision.by_never_list ? "never-list"
		 : decision.by_rule && decision.verdict == CONSENT_DENY ? "rule"
									: gate_why_denied(g);
	decide_note_used(&g->config.decider, &decision);
	recorder_denial(g->config.recorder, request, call, code, source, &decision);
	if (!g->config.attempts)
		return;
	recorder_remedy(g->config.recorder, request, decision.by_never_list, shell_quote_shown, allow);
	(void)attempts_file(g->config.attempts, request, false,
		      decision.verdict == CONSENT_ASK ? "no-rule" : source, allow, folder);
}

void gate_record_denial(struct gate *g, const struct consent_request *request, const char *call,
			int code)
{
	gate_count(g, false);
	record_denial(g, request, call, code);
}

static bool equal(const struct gate_question *a, const struct gate_question *b)
{
	return a->request.access == b->request.access &&
	       strcmp(a->request.path, b->request.path) == 0;
}

static enum consent_verdict decide_again(struct gate *g, const struct gate_question *q)
{
	struct decision decision;

	decide(&g->config.decider, q->request.path, q->request.access, &decision);
	return decision.verdict;
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

static bool folder_has_git(const struct consent_request *r)
{
	size_t n = path_parent_length(r->path, strlen(r->path));
	char path[PATH_MAX];

	return r->access == CONSENT_WRITE &&
	       snprintf(path, sizeof(path), "%.*s/.git", (int)n, r->path) < PATH_MAX &&
	       access(path, F_OK) == 0; /* only a note in the question hangs on it */
}

static void describe(struct gate *g, const struct gate_question *q, struct prompt_question *ret)
{
	ret->request = q->request;
	ret->siblings = count_sibling(g, &q->request);
	ret->offer_folder = caution_may_widen(&g->config.decider.places, &q->request);
	ret->folder_has_git = folder_has_git(&q->request);
	ret->caution = caution_about(&g->config.decider.places, &q->request);
}

/* Not when only reading was allowed where writing was asked. */
static bool suffices(const struct gate_question *q, const struct prompt_answer *answer)
{
	return answer->access == CONSENT_WRITE || q->request.access == CONSENT_READ;
}

static void remember(struct gate *g, const struct gate_question *q,
		     const struct prompt_answer *answer)
{
	const struct consent_request *request = &q->request;
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
		else
			used_note(g->config.decider.used, &(struct used_rule){.family = rule.family,
									      .target = rule.target,
									      .access = rule.access,
									      .what = rule.path});
	}
	if (r < 0)
		r = session_put(g->config.decider.session, &rule);
	if (r < 0)
		log_warning("an answer could not be kept, it holds for this one request");
	if (g->config.on_change)
		g->config.on_change(g->config.data, rule.path);
}

static void record(struct gate *g, const struct gate_question *q, bool allowed)
{
	if (allowed)
		recorder_audit(g->config.recorder, &q->request, true, "prompt", NULL);
	else
		record_denial(g, &q->request, q->request.operation, -EACCES);
}

static uint32_t count(struct gate *g, const struct gate_question *q, bool allowed)
{
	(void)q;
	gate_count(g, allowed);
	return 0;
}

static const struct gate_kind about_file = {equal,    decide_again, describe, suffices,
					    remember, record,	    count};

int gate_ask(struct gate *g, const struct consent_request *request, struct gate_ticket *ticket)
{
	struct gate_question *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->kind = &about_file;
	q->request = *request;
	q->request.path = strdup(request->path);
	q->request.operation = strdup(request->operation);
	if (!q->request.path || !q->request.operation) {
		gate_question_free(q);
		return -ENOMEM;
	}
	return gate_park(g, q, ticket);
}
