/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about hosts. The policy holds what was decided; the store's part of it is read
 * again whenever the store has changed, before the next decision.
 */
#include "broker/gate_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "consent/host_rules.h"
#include "consent/host_words.h"
#include "manifest/needed.h"
#include <string.h>

struct gate_host {
	struct host_words what;
	pid_t pid;
	struct consent_host_request words; /* while it is shown */
};

static bool host_init(struct gate_host *h, const struct net_target *t, pid_t pid)
{
	*h = (struct gate_host){.pid = pid};
	return host_words_init(&h->what, t);
}

static const char *call_of(const struct gate_host *h)
{
	return host_words_is_lookup(&h->what.target) ? "look up" : "connect";
}

static struct consent_host_request words_of(const struct gate_host *h)
{
	return host_words_request(&h->what, h->pid);
}

/* Has the policy what the store says now? */
static bool is_current(struct gate *g)
{
	struct consent_store *store = g->config.decider.store;
	struct appsilo_error err;
	int64_t version;
	bool changed;
	int r = 0;

	if (!store)
		return true;
	pthread_mutex_lock(&g->hosts_lock);
	version = consent_store_version(store);
	if (version < 0 || version != g->hosts_version)
		r = version < 0 ? (int)version
				: host_rules_load(store, g->config.decider.family,
						  g->config.policy, &err);
	g->hosts_version = r < 0 ? -1 : version;
	changed = net_policy_changes(g->config.policy) != g->hosts_changes;
	g->hosts_changes = net_policy_changes(g->config.policy);
	pthread_mutex_unlock(&g->hosts_lock);
	if (changed && g->config.on_host_change)
		g->config.on_host_change(g->config.data);
	return r == 0;
}

void gate_poll_hosts(struct gate *g)
{
	if (g->config.policy)
		(void)is_current(g); /* a damaged store denies at the next question */
}

static void judge(struct gate *g, const struct net_target *t, struct net_decision *ret)
{
	*ret = (struct net_decision){.verdict = CONSENT_DENY};
	if (!g->config.policy || !is_current(g))
		return;
	if (host_words_is_lookup(t))
		net_policy_judge_name(g->config.policy, t->name, ret);
	else
		net_policy_judge(g->config.policy, t, ret);
}

static uint32_t count_host(struct gate *g, const struct gate_host *h, bool allowed)
{
	uint32_t row;

	gate_count(g, allowed);
	pthread_mutex_lock(&g->lock);
	row = net_account_add(&g->account, &h->what.target, allowed);
	pthread_mutex_unlock(&g->lock);
	return row;
}

static void record_attempt(struct gate *g, const struct consent_host_request *words, const char *call,
			   bool allowed, const struct net_decision *decision)
{
	char allow[RECORDER_HOST_REMEDY_MAX];

	if (!g->config.attempts)
		return;
	if (!recorder_host_remedy(g->config.recorder, words, decision, allow, sizeof(allow)))
		allow[0] = '\0';
	attempts_host(g->config.attempts, words, call, allowed, recorder_host_source(decision, "no-rule"),
		      needed_for_host(decision->place), allow);
}

/* Of a profiled run: what could have been asked about. A denial is recorded with its call. */
static enum consent_verdict let_through(struct gate *g, const struct gate_host *h,
					const struct net_decision *decision)
{
	struct consent_host_request words = words_of(h);

	if (!attempts_let_through(g->config.attempts))
		return CONSENT_DENY;
	count_host(g, h, true);
	recorder_audit_host(g->config.recorder, &words, decision);
	record_attempt(g, &words, call_of(h), true, decision);
	return CONSENT_ALLOW;
}

/* The policy does not know whether a rule is this app's or every app's. */
static void note_used(struct gate *g, const struct net_decision *decision)
{
	char text[HOST_TEXT_MAX];
	struct used_rule rule = {.network = true};

	if (decision->reason != NET_BY_RULE || decision->rule.scope != CONSENT_ALWAYS)
		return;
	rule.what = host_pattern_text(&decision->rule.pattern, text);
	used_note(g->config.decider.used, &rule);
}

enum consent_verdict gate_decide_host(struct gate *g, const struct net_target *target, pid_t pid)
{
	struct net_decision decision;
	struct consent_host_request words;
	struct gate_host h;

	if (!host_init(&h, target, pid))
		return CONSENT_DENY;
	judge(g, &h.what.target, &decision);
	if (decision.verdict == CONSENT_ALLOW) {
		words = words_of(&h);
		note_used(g, &decision);
		count_host(g, &h, true);
		recorder_audit_host(g->config.recorder, &words, &decision);
	}
	if (decision.verdict == CONSENT_ASK && g->config.attempts)
		return let_through(g, &h, &decision);
	if (decision.verdict == CONSENT_ASK && gate_is_mute(g))
		return CONSENT_DENY;
	return decision.verdict;
}

void gate_count_consented(struct gate *g, const struct net_target *target, pid_t pid)
{
	struct gate_host h;

	if (host_init(&h, target, pid))
		count_host(g, &h, true);
}

static void record_denial(struct gate *g, const struct gate_host *h, const char *call, int code)
{
	struct consent_host_request words = words_of(h);
	struct net_decision decision;

	judge(g, &h->what.target, &decision);
	/* Asked and refused, once. */
	if (decision.verdict == CONSENT_ASK || decision.verdict == CONSENT_ALLOW)
		decision = (struct net_decision){.verdict = CONSENT_ASK};
	note_used(g, &decision);
	recorder_denial_host(g->config.recorder, &words, call, code, gate_why_denied(g), &decision);
	record_attempt(g, &words, call, false, &decision);
}

void gate_record_host_denial(struct gate *g, const struct net_target *target, pid_t pid,
			     const char *call, int code)
{
	struct gate_host h;

	if (!host_init(&h, target, pid)) {
		gate_count(g, false); /* no words of ours could name it */
		return;
	}
	count_host(g, &h, false);
	record_denial(g, &h, call, code);
}

uint32_t gate_account_row(struct gate *g, const struct net_target *target)
{
	uint32_t row;

	pthread_mutex_lock(&g->lock);
	row = net_account_find(&g->account, target);
	pthread_mutex_unlock(&g->lock);
	return row;
}

bool gate_let_in(struct gate *g, uint16_t port, uint32_t *ret_row)
{
	bool allowed = g->config.policy && net_policy_may_publish(g->config.policy, port);

	gate_count(g, allowed);
	pthread_mutex_lock(&g->lock);
	*ret_row = net_account_add_incoming(&g->account, port, allowed);
	pthread_mutex_unlock(&g->lock);
	return allowed;
}

static bool equal(const struct gate_question *a, const struct gate_question *b)
{
	const struct gate_host *x = a->host, *y = b->host;

	return x->what.target.port == y->what.target.port && strcmp(x->what.name, y->what.name) == 0 &&
	       host_words_is_lookup(&x->what.target) == host_words_is_lookup(&y->what.target) &&
	       (*x->what.name || strcmp(x->what.address, y->what.address) == 0);
}

static enum consent_verdict decide_again(struct gate *g, const struct gate_question *q)
{
	struct net_decision decision;

	judge(g, &q->host->what.target, &decision);
	return decision.verdict;
}

static const char *caution_about_host(const struct gate_host *h)
{
	if (!host_words_is_lookup(&h->what.target) && net_address_place(&h->what.target.address) == NET_PRIVATE)
		return "this is an address of your own network";
	if (strncmp(h->what.name, "xn--", 4) == 0 || strstr(h->what.name, ".xn--"))
		return "the name has letters of other scripts (shown as xn--...)";
	return NULL;
}

static void describe(struct gate *g, const struct gate_question *q, struct prompt_question *ret)
{
	q->host->words = words_of(q->host);
	ret->host = &q->host->words;
	ret->request.pid = q->host->pid;
	ret->caution = caution_about_host(q->host);
}

static bool suffices(const struct gate_question *q, const struct prompt_answer *answer)
{
	(void)q;
	(void)answer;
	return true; /* a host cannot be allowed by half */
}

/* The host alone: where the name leads now is not what was allowed. */
static struct host_pattern pattern_of(const struct gate_host *h, bool any_port)
{
	struct host_pattern pattern = {.kind = HOST_NAME, .port = any_port ? 0 : h->what.target.port};

	if (h->what.target.name) {
		memcpy(pattern.name, h->what.name, sizeof(pattern.name));
		return pattern;
	}
	pattern.kind = HOST_NETWORK;
	pattern.network = net_address_real(&h->what.target.address);
	pattern.bits = (uint8_t)net_address_bits(&pattern.network);
	return pattern;
}

static int store_rule(struct gate *g, const struct net_rule *rule)
{
	char text[HOST_TEXT_MAX];
	struct consent_host_rule stored = {
		.family = g->config.decider.family,
		.host = host_pattern_text(&rule->pattern, text),
		.verdict = rule->verdict,
		.source = rule->source,
		.time_ms = clock_realtime_ms(),
	};
	struct appsilo_error err = {0};
	int r = consent_store_put_host(g->config.decider.store, &stored, &err);

	if (r < 0)
		log_warning("%s; the answer holds until the program ends", err.line);
	pthread_mutex_lock(&g->hosts_lock);
	g->hosts_version = -1; /* our own commits do not change the version */
	pthread_mutex_unlock(&g->hosts_lock);
	return r;
}

static void remember(struct gate *g, const struct gate_question *q,
		     const struct prompt_answer *answer)
{
	struct net_rule rule = {
		.pattern = pattern_of(q->host, answer->any_port),
		.verdict = answer->verdict,
		.scope = answer->scope,
		.source = CONSENT_FROM_PROMPT,
	};
	int r = -1;

	if (rule.scope == CONSENT_ALWAYS && g->config.decider.store)
		r = store_rule(g, &rule);
	if (r < 0) {
		rule.scope = CONSENT_SESSION;
		r = net_policy_add(g->config.policy, &rule);
	}
	if (r < 0)
		log_warning("an answer could not be kept, it holds for this one request");
}

static void record(struct gate *g, const struct gate_question *q, bool allowed)
{
	struct consent_host_request words = words_of(q->host);

	if (allowed)
		recorder_audit_host(g->config.recorder, &words, NULL);
	else
		record_denial(g, q->host, call_of(q->host), -EACCES);
}

static uint32_t count(struct gate *g, const struct gate_question *q, bool allowed)
{
	return count_host(g, q->host, allowed);
}

static const struct gate_kind about_host = {equal,    decide_again, describe, suffices,
					    remember, record,	    count};

int gate_ask_host(struct gate *g, const struct net_target *target, pid_t pid,
		  struct gate_ticket *ticket)
{
	struct gate_question *q = calloc(1, sizeof(*q));
	int r = -ENOMEM;

	if (q)
		q->host = malloc(sizeof(*q->host));
	if (q && q->host)
		r = host_init(q->host, target, pid) ? 0 : -EINVAL;
	if (r < 0) {
		gate_question_free(q);
		return r;
	}
	q->kind = &about_host;
	return gate_park(g, q, ticket);
}
