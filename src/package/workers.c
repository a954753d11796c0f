/* SPDX-License-Identifier: Apache-2.0 */
#include "package/workers.h"

#include "base/clock.h"
#include "package/msix_internal.h"

#define TICK_NS 100000000ll

struct worker {
	struct workers *workers;
	void (*work)(void *data);
	void *data;
};

static void *run(void *data)
{
	struct worker *worker = data;
	struct workers *w = worker->workers;

	worker->work(worker->data);
	pthread_mutex_lock(&w->lock);
	w->running--;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Under the lock, which is given up while waiting and telling. */
static void wait_and_tell(struct workers *w, const struct msix_options *o, uint64_t total,
			  const char *label)
{
	while (w->running > 0) {
		int64_t until = clock_ns(CLOCK_MONOTONIC) + TICK_NS;
		struct timespec t = {until / 1000000000, until % 1000000000};
		uint64_t done;
		int stop;

		pthread_cond_timedwait(&w->changed, &w->lock, &t);
		if (!o->progress)
			continue;
		done = w->done;
		pthread_mutex_unlock(&w->lock);
		stop = o->progress(o->progress_data, done, total);
		pthread_mutex_lock(&w->lock);
		if (stop && w->result == 0)
			w->result = error_set(&w->error, -ECANCELED, "%s", label);
		if (stop)
			pthread_cond_broadcast(&w->changed);
	}
}

int workers_run(struct workers *workers, const struct msix_options *options,
		void (*work)(void *data), void *data, uint64_t total, const char *label,
		struct appsilo_error *err)
{
	struct worker worker = {workers, work, data};
	unsigned int wanted = msix_threads(options), n = 0;
	pthread_condattr_t attributes;
	pthread_t threads[THREADS_MAX];

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&workers->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&workers->lock, NULL);
	pthread_mutex_lock(&workers->lock);
	while (n < wanted && pthread_create(&threads[n], NULL, run, &worker) == 0)
		n++;
	workers->running = n;
	if (n == 0)
		workers->result = error_set(&workers->error, -EAGAIN, "%s: no threads", label);
	wait_and_tell(workers, options, total, label);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_cond_destroy(&workers->changed);
	pthread_mutex_destroy(&workers->lock);
	return workers->result < 0 ? error_say(err, workers->result, "%s", workers->error.line) : 0;
}
