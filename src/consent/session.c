/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/session.h"

#include "base/path.h"
#include <pthread.h>
#include <string.h>

struct session_rules {
	pthread_mutex_t lock; /* guards the array */
	struct consent_rule *rules; /* owned, paths too */
	size_t n, allocated;
};

struct session_rules *session_new(void)
{
	struct session_rules *session = calloc(1, sizeof(*session));

	if (session)
		pthread_mutex_init(&session->lock, NULL);
	return session;
}

void session_free(struct session_rules *session)
{
	if (!session)
		return;
	for (size_t i = 0; i < session->n; i++)
		free((char *)session->rules[i].path);
	free(session->rules);
	pthread_mutex_destroy(&session->lock);
	free(session);
}

static int append(struct session_rules *session, const struct consent_rule *rule)
{
	char *path;

	if (session->n == SESSION_RULES_MAX)
		return -ENOSPC;
	if (session->n == session->allocated) {
		size_t more = session->allocated ? 2 * session->allocated : 16;
		void *bigger = reallocarray(session->rules, more, sizeof(*session->rules));

		if (!bigger)
			return -ENOMEM;
		session->rules = bigger;
		session->allocated = more;
	}
	path = strdup(rule->path);
	if (!path)
		return -ENOMEM;
	session->rules[session->n] = *rule;
	session->rules[session->n].path = path;
	session->n++;
	return 0;
}

int session_put(struct session_rules *session, const struct consent_rule *rule)
{
	int r = 1;

	pthread_mutex_lock(&session->lock);
	for (size_t i = 0; r == 1 && i < session->n; i++) {
		struct consent_rule *old = &session->rules[i];

		if (old->target != rule->target || old->access != rule->access ||
		    strcmp(old->path, rule->path) != 0)
			continue;
		old->verdict = rule->verdict;
		old->scope = rule->scope;
		old->source = rule->source;
		r = 0;
	}
	if (r == 1)
		r = append(session, rule);
	pthread_mutex_unlock(&session->lock);
	return r;
}

int session_at(struct session_rules *session, const char *path,
	       int (*visit)(void *, const struct consent_rule *), void *data)
{
	int r = 0;

	pthread_mutex_lock(&session->lock);
	for (size_t i = 0; r == 0 && i < session->n; i++)
		if (strcmp(session->rules[i].path, path) == 0)
			r = visit(data, &session->rules[i]);
	pthread_mutex_unlock(&session->lock);
	return r;
}

int session_below(struct session_rules *session, const char *folder,
		  int (*visit)(void *, const struct consent_rule *), void *data)
{
	int r = 0;

	pthread_mutex_lock(&session->lock);
	for (size_t i = 0; r == 0 && i < session->n; i++)
		if (path_is_under(session->rules[i].path, folder) &&
		    strcmp(session->rules[i].path, folder) != 0)
			r = visit(data, &session->rules[i]);
	pthread_mutex_unlock(&session->lock);
	return r;
}
