/* SPDX-License-Identifier: Apache-2.0 */
#include "server/queue.h"

#include "base/clock.h"
#include "server/job_id.h"
#include "server/stream.h"
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define RETRY_MAX_S 60

struct job *job_new(struct tenant *tenant, void (*work)(struct job *, struct worker *))
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	atomic_init(&job->refs, 1);
	job->tenant = tenant;
	job->work = work;
	job->client_fd = job->input_fd = -EBADF;
	job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (job->cancel_fd < 0 || job_id_make(job->id) < 0) {
		job_unref(job);
		return NULL;
	}
	return job;
}

void job_ref(struct job *job)
{
	atomic_fetch_add(&job->refs, 1);
}

void job_unref(struct job *job)
{
	if (!job || atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	if (job->free_data)
		job->free_data(job->data);
	stream_free(job->stream);
	close_keep_errno(job->cancel_fd);
	close_keep_errno(job->client_fd);
	close_keep_errno(job->input_fd);
	free(job->reply);
	free(job);
}

void job_cancel(struct job *job)
{
	atomic_store(&job->cancelled, true);
	/* A counter that is full is readable all the same. */
	(void)!eventfd_write(job->cancel_fd, 1);
}

void queue_init(struct queue *q, struct tenants *tenants, uint64_t workers, uint64_t waiting_max)
{
	pthread_condattr_t attributes;

	*q = (struct queue){.tenants = tenants, .workers = workers, .waiting_max = waiting_max,
			    .mean_ms = 100};
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

void queue_done(struct queue *q)
{
	pthread_cond_destroy(&q->wake);
	pthread_mutex_destroy(&q->lock);
}

/* How long until what waits now has been worked off, about. */
static unsigned int retry_after(const struct queue *q, uint64_t waiting)
{
	uint64_t s = (waiting + 1) * (uint64_t)q->mean_ms / q->workers / 1000 + 1;

	return s > RETRY_MAX_S ? RETRY_MAX_S : (unsigned int)s;
}

static int refuse(unsigned int after_s, struct api_error *e, const char *code, const char *what)
{
	(void)api_error_set(e, 429, code, "%s; try again in %u s", what, after_s);
	e->retry_after_s = after_s;
	return -EBUSY;
}

static void refill(struct tenant *t, int64_t now_ms)
{
	t->allowance += (double)(now_ms - t->allowance_ms) * (double)t->per_minute / 60000.0;
	t->allowance_ms = now_ms;
	if (t->allowance > (double)t->per_minute)
		t->allowance = (double)t->per_minute;
}

/* One tenant of several may fill half of the queue: there is always room for another. */
static uint64_t room_of(const struct queue *q, const struct tenant *t)
{
	uint64_t share = q->tenants->n > 1 ? (q->waiting_max + 1) / 2 : q->waiting_max;

	return t->waiting_max && t->waiting_max < share ? t->waiting_max : share;
}

static int admit(struct queue *q, struct tenant *t, struct api_error *e)
{
	unsigned int after;

	if (q->closed) {
		(void)api_error_set(e, 503, "draining", "the server is shutting down");
		return -EBUSY;
	}
	if (q->waiting >= q->waiting_max)
		return refuse(retry_after(q, q->waiting), e, "queue-full", "too many runs wait");
	if (t->waiting >= room_of(q, t))
		return refuse(retry_after(q, t->waiting), e, "quota", "too many of your runs wait");
	if (!t->per_minute)
		return 0;
	refill(t, clock_monotonic_ms());
	after = (unsigned int)((1 - t->allowance) * 60 / (double)t->per_minute) + 1;
	if (t->allowance < 1)
		return refuse(after, e, "quota", "too many runs in this minute");
	t->allowance -= 1;
	return 0;
}

int queue_submit(struct queue *q, struct job *job, struct api_error *e)
{
	struct tenant *t = job->tenant;
	int r;

	pthread_mutex_lock(&q->lock);
	r = admit(q, t, e);
	if (r == 0) {
		job_ref(job);
		job->submitted_ms = clock_monotonic_ms();
		*(t->last ? &t->last->next : &t->first) = job;
		t->last = job;
		t->waiting++;
		q->waiting++;
		job->after = q->jobs;
		if (q->jobs)
			q->jobs->before = job;
		q->jobs = job;
		pthread_cond_broadcast(&q->wake);
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

/* The next tenant in turn with something that may run. */
static struct tenant *next_tenant(struct queue *q)
{
	for (size_t i = 0; i < q->tenants->n; i++) {
		struct tenant *t = &q->tenants->all[(q->turn + i) % q->tenants->n];

		if (!t->first || (t->concurrent && t->running >= t->concurrent))
			continue;
		q->turn = (q->turn + i + 1) % q->tenants->n;
		return t;
	}
	return NULL;
}

/* Cancelled, or its client has gone. */
static bool is_off(const struct job *job)
{
	struct pollfd fd = {.fd = job->client_fd, .events = POLLRDHUP};

	return atomic_load(&job->cancelled) || (poll(&fd, 1, 0) > 0 && fd.revents);
}

struct job *queue_take(struct queue *q)
{
	struct tenant *t = NULL;
	struct job *job = NULL;

	pthread_mutex_lock(&q->lock);
	while (!q->ended && !(t = next_tenant(q)))
		pthread_cond_wait(&q->wake, &q->lock);
	if (t) {
		job = t->first;
		t->first = job->next;
		if (!t->first)
			t->last = NULL;
		t->waiting--;
		t->running++;
		q->waiting--;
		q->running++;
		job->started_ms = clock_monotonic_ms();
		job->is_off = is_off(job); /* here: whoever sees that it runs and ends it ends a run */
	}
	pthread_mutex_unlock(&q->lock);
	return job;
}

void queue_finish(struct queue *q, struct job *job)
{
	pthread_mutex_lock(&q->lock);
	job->tenant->running--;
	q->running--;
	q->mean_ms += (clock_monotonic_ms() - job->started_ms - q->mean_ms) / 8;
	if (q->mean_ms < 1)
		q->mean_ms = 1;
	if (job->before)
		job->before->after = job->after;
	else
		q->jobs = job->after;
	if (job->after)
		job->after->before = job->before;
	pthread_cond_broadcast(&q->wake);
	pthread_mutex_unlock(&q->lock);
	job_unref(job);
}

bool queue_cancel(struct queue *q, const struct tenant *tenant, const char *id)
{
	bool found = false;

	pthread_mutex_lock(&q->lock);
	for (struct job *job = q->jobs; job; job = job->after) {
		if (job->tenant != tenant || strcmp(job->id, id) != 0)
			continue;
		job_cancel(job);
		found = true;
	}
	pthread_mutex_unlock(&q->lock);
	return found;
}

void queue_cancel_all(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	for (struct job *job = q->jobs; job; job = job->after)
		job_cancel(job);
	pthread_mutex_unlock(&q->lock);
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_mutex_unlock(&q->lock);
}

bool queue_wait_idle(struct queue *q, int64_t timeout_ms)
{
	int64_t end_ms = clock_monotonic_ms() + timeout_ms;
	struct timespec end = {.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
	bool idle;

	pthread_mutex_lock(&q->lock);
	while ((q->waiting || q->running) &&
	       pthread_cond_timedwait(&q->wake, &q->lock, &end) != ETIMEDOUT)
		;
	idle = !q->waiting && !q->running;
	pthread_mutex_unlock(&q->lock);
	return idle;
}

void queue_end(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->ended = true;
	pthread_cond_broadcast(&q->wake);
	pthread_mutex_unlock(&q->lock);
}
