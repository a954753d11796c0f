/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sessions.h"

#include "base/clock.h"
#include <string.h>

void sessions_init(struct sessions *all, uint64_t max, int64_t idle_ms, const char *base,
		   const struct sandbox_backend *backend)
{
	*all = (struct sessions){.max = max, .idle_ms = idle_ms, .base = base, .backend = backend};
	pthread_mutex_init(&all->lock, NULL);
}

static void session_free(struct sessions *all, struct session *s)
{
	interpreter_stop(&s->interpreter, all->backend);
	work_dir_close(&s->dir);
	request_done(&s->defaults);
	pthread_mutex_destroy(&s->use);
	free(s);
}

void sessions_release(struct sessions *all, struct session *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&all->lock);
	s->used_ms = clock_monotonic_ms();
	pthread_mutex_unlock(&all->lock);
	if (atomic_fetch_sub(&s->refs, 1) == 1)
		session_free(all, s);
}

void sessions_done(struct sessions *all)
{
	while (all->first)
		sessions_close(all, all->first);
	pthread_mutex_destroy(&all->lock);
}

static int make_dir(struct sessions *all, struct session *s, struct api_error *e)
{
	struct appsilo_error err;

	if (work_dir_open(all->base, s->id, s->defaults.limits.disk_bytes, &s->dir, &err) == 0)
		return 0;
	return api_error_set(e, 503, "no-resources", "%s", err.line);
}

static int enter(struct sessions *all, struct session *s, struct api_error *e)
{
	int r = 0;

	pthread_mutex_lock(&all->lock);
	if (all->n >= all->max) {
		r = api_error_set(e, 429, "too-many-sessions", "too many sessions are open");
		e->retry_after_s = 10;
	} else {
		s->next = all->first;
		all->first = s;
		all->n++;
	}
	pthread_mutex_unlock(&all->lock);
	return r;
}

int sessions_open(struct sessions *all, struct tenant *tenant, struct run_request *defaults,
		  bool keeps_state, struct session **ret, struct api_error *e)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return api_error_set(e, 503, "no-memory", "the server is out of memory");
	atomic_init(&s->refs, 2); /* the list's and the caller's */
	pthread_mutex_init(&s->use, NULL);
	s->interpreter = INTERPRETER_NONE;
	s->dir.work_fd = -EBADF;
	s->tenant = tenant;
	s->keeps_state = keeps_state;
	s->used_ms = clock_monotonic_ms();
	s->defaults = *defaults;
	*defaults = (struct run_request){0};
	r = job_id_make(s->id) < 0 ? api_error_set(e, 503, "no-resources", "no random numbers") : 0;
	if (r == 0)
		r = make_dir(all, s, e);
	if (r == 0)
		r = enter(all, s, e);
	if (r < 0)
		session_free(all, s);
	else
		*ret = s;
	return r;
}

struct session *sessions_find(struct sessions *all, const struct tenant *tenant, const char *id)
{
	struct session *s;

	pthread_mutex_lock(&all->lock);
	for (s = all->first; s; s = s->next)
		if (s->tenant == tenant && strcmp(s->id, id) == 0)
			break;
	if (s)
		atomic_fetch_add(&s->refs, 1);
	pthread_mutex_unlock(&all->lock);
	return s;
}

/* Under the lock. True: the list's reference is now the caller's to give back. */
static bool leave(struct sessions *all, struct session *session)
{
	for (struct session **at = &all->first; *at; at = &(*at)->next) {
		if (*at != session)
			continue;
		*at = session->next;
		if (session->current)
			job_cancel(session->current);
		all->n--;
		return true;
	}
	return false;
}

void sessions_set_current(struct sessions *all, struct session *session, struct job *job)
{
	pthread_mutex_lock(&all->lock);
	session->current = job;
	pthread_mutex_unlock(&all->lock);
}

void sessions_close(struct sessions *all, struct session *session)
{
	bool ours;

	pthread_mutex_lock(&all->lock);
	ours = leave(all, session);
	pthread_mutex_unlock(&all->lock);
	if (ours)
		sessions_release(all, session);
}

static struct session *find_idle(struct sessions *all, int64_t now_ms)
{
	for (struct session *s = all->first; s; s = s->next)
		if (atomic_load(&s->refs) == 1 && now_ms - s->used_ms > all->idle_ms)
			return s;
	return NULL;
}

void sessions_expire(struct sessions *all)
{
	struct session *s;

	do {
		pthread_mutex_lock(&all->lock);
		s = find_idle(all, clock_monotonic_ms());
		if (s && !leave(all, s))
			s = NULL;
		pthread_mutex_unlock(&all->lock);
		sessions_release(all, s);
	} while (s);
}

json_t *sessions_list(struct sessions *all, const struct tenant *tenant)
{
	json_t *list = json_array();
	int64_t now_ms = clock_monotonic_ms();

	pthread_mutex_lock(&all->lock);
	for (struct session *s = all->first; list && s; s = s->next)
		if (s->tenant == tenant)
			(void)!json_array_append_new(
				list, json_pack("{s:s,s:s,s:b,s:I}", "id", s->id, "language",
						s->defaults.runtime->language, "state", s->keeps_state,
						"idle_ms", (json_int_t)(now_ms - s->used_ms)));
	pthread_mutex_unlock(&all->lock);
	return json_pack("{s:o}", "sessions", list);
}

int session_reset(struct sessions *all, struct session *s, struct api_error *e)
{
	interpreter_stop(&s->interpreter, all->backend);
	work_dir_close(&s->dir);
	return make_dir(all, s, e);
}
