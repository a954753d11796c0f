/* SPDX-License-Identifier: Apache-2.0 */
#include "server/server.h"

#include "base/clock.h"
#include "cli/places.h"
#include "cli/programs.h"
#include "package/installed.h"
#include "server/event_log.h"
#include "server/exchange.h"
#include "server/stream.h"
#include <microhttpd.h>
#include <string.h>
#include <sys/resource.h>

#define VERSION_MS 20000
#define WORKER_STACK (512 * 1024)

int server_open_dir(const struct worker *w, uint64_t disk_bytes, struct work_dir *ret,
		    struct appsilo_error *err)
{
	return work_dir_open(w->server->base, w->name, disk_bytes, ret, err);
}

static void do_job(struct job *job, struct worker *w)
{
	struct api_error e;

	if (!job->is_off) {
		job->work(job, w);
		return;
	}
	(void)api_error_set(&e, 409, "cancelled", "cancelled before it began");
	job_answer(job, NULL, &e);
}

static void *work(void *data)
{
	struct worker *w = data;
	struct job *job;

	while ((job = queue_take(&w->server->queue))) {
		do_job(job, w);
		if (job->stream)
			stream_finish(job->stream);
		else
			MHD_resume_connection(job->connection);
		queue_finish(&w->server->queue, job);
	}
	return NULL;
}

static bool has_package(void *data, const char *family)
{
	const struct server *s = data;
	struct installed_package package;

	return installed_find(s->data_dir, family, &package) == 0;
}

/* One word and where it came from, of a run like any other: a self-test too. */
static int ask_version(struct server *s, const struct worker *w, const struct runtime *runtime,
		       char ret[RUNTIME_VERSION_MAX], struct appsilo_error *err)
{
	cleanup(work_dir_close) struct work_dir dir = {.work_fd = -EBADF};
	cleanup(run_step_done) struct run_step step = {0};
	struct run_control control = {.cancel_fd = -EBADF, .client_fd = -EBADF, .wake_fd = -EBADF};
	struct run_place place = {&s->backend, &dir, "server"};
	struct sandbox_spec spec = {.tenant = "server", .argv = runtime->version_of, .net = "none",
				    .limits = {.wall_ms = VERSION_MS, .output_bytes = 65536}};
	char text[512];
	int r = server_open_dir(w, s->options.limits.disk_bytes, &dir, err);

	spec.data_dir = dir.data_path;
	spec.work_dir = dir.work_path;
	if (r == 0)
		r = run_step(&place, &spec, NULL, 0, &control, &step, err);
	if (r < 0)
		return r;
	if (step.result.exit_code == 127)
		return 0; /* not installed */
	snprintf(text, sizeof(text), "%.*s", (int)step.out[RUN_STDOUT].size,
		 step.out[RUN_STDOUT].data ? step.out[RUN_STDOUT].data : "");
	if (step.result.reason == SANDBOX_EXITED && runtime_version_parse(text, ret))
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(step.out[RUN_STDERR].data
		 ? step.out[RUN_STDERR].data : "", "\n"),
		 step.out[RUN_STDERR].data ? step.out[RUN_STDERR].data : "");
	r = error_say(err, -ENOSYS, "serve: a run of %s does not work here: %s", runtime->version_of[0],
		      text[0] ? text : step.result.text);
	error_advise_doctor(err);
	return r;
}

static int find_runtimes(struct server *s, struct appsilo_error *err)
{
	const struct worker first = {.server = s, .name = "0"};
	int r;

	for (size_t i = 0; runtimes[i].language; i++) {
		r = ask_version(s, &first, &runtimes[i], s->versions.version[i], err);
		if (r < 0 && i == 0)
			return r;
		if (r < 0)
			event_note("warning", "%s is not offered: %s", runtimes[i].language, err->line);
	}
	if (!s->versions.version[0][0])
		return error_say(err, -ENOENT, "serve: there is no python3; install it");
	return 0;
}

static int find_places(struct server *s, struct appsilo_error *err)
{
	struct places places;
	int r = places_find(&places, err);

	if (r == 0)
		r = programs_find("appsilo", s->front, err);
	if (r < 0)
		return r;
	strcpy(s->data_dir, places.data_dir);
	snprintf(s->packages, sizeof(s->packages), "%.*s/" INSTALLED_PACKAGES, PATH_MAX - 32, s->data_dir);
	s->base = work_dir_place((const char *const[]){s->front, s->data_dir, NULL});
	return s->base ? 0 : error_say(err, -ENOTDIR, "serve: one of /mnt, /media, /srv and /tmp must be a "
				       "folder that holds neither appsilo nor its data");
}

/* Each that waits has three descriptors: runs and clients must find some, too. */
static uint64_t most_ready(const struct serve_options *o)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur / 8 >= o->pool)
		return o->pool;
	return files.rlim_cur / 8 > o->pool_least ? files.rlim_cur / 8 : o->pool_least;
}

/* Also without pools: it brings us to where a run's own group can be made, which the user's systemd
 * does, and whom a run, without our environment, could not ask. */
static void make_groups(struct server *s)
{
	struct appsilo_error err = {0};

	if (cgroup_tree_make(&s->groups, &err) < 0)
		event_note("limits", "%s; limits are each process's", err.line);
}

/* Without warm sandboxes runs only take longer. @problem: why there can be none; "" */
static void start_pools(struct server *s, const char *problem)
{
	const struct pool_config config = {.front = s->front, .guest = s->zygote, .interpreter = "python3",
					   .preload = s->options.preload,
					   .min_ready = (unsigned int)s->options.pool_least,
					   .max_ready = (unsigned int)most_ready(&s->options),
					   .disk_bytes = s->options.limits.disk_bytes,
					   .groups = &s->groups};

	if (s->options.pool == 0)
		return;
	if (*problem) {
		event_note("pool", "%s; runs start cold", problem);
		return;
	}
	pools_init(&s->pools, &config, s->data_dir);
	s->warm = pools_backend(&s->pools);
}

int server_start_workers(struct server *s, struct appsilo_error *err)
{
	pthread_attr_t attributes;
	int r = 0;

	s->workers = calloc(s->options.workers, sizeof(*s->workers));
	if (!s->workers)
		return error_set(err, -ENOMEM, "serve");
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, WORKER_STACK);
	while (r == 0 && s->n_workers < s->options.workers) {
		struct worker *w = &s->workers[s->n_workers];

		w->server = s;
		snprintf(w->name, sizeof(w->name), "%u", (unsigned int)s->n_workers);
		r = pthread_create(&w->thread, &attributes, work, w);
		s->n_workers += r == 0;
	}
	pthread_attr_destroy(&attributes);
	return r ? error_set(err, -r, "serve: start worker %u", (unsigned int)s->n_workers) : 0;
}

int server_start(struct server *s, struct appsilo_error *err)
{
	struct appsilo_error problem = {0};
	int r = find_places(s, err);

	/* Before the mount namespace is another: if nobody is left in ours, it is taken apart, and what we
	 * were started from loses the beginning of its path. */
	(void)!programs_find("appsilo-zygote-python.so", s->zygote, &problem);
	if (r == 0)
		r = tenants_load(s->options.token_file, &s->tenants, err);
	if (r == 0)
		r = work_dir_setup(s->base, err);
	if (r < 0)
		return r;
	s->cold = (struct sandbox_cold){s->front, s->packages};
	s->backend = sandbox_cold_backend(&s->cold);
	make_groups(s);
	start_pools(s, problem.line);
	s->policy = (struct request_policy){s->options.limits, s->options.net_capabilities,
					    &s->versions, has_package, s};
	queue_init(&s->queue, &s->tenants, s->options.workers, s->options.queue);
	/* As many as may run or wait, and as many again that have not asked yet, or say good-bye. */
	websockets_init(&s->websockets, 2 * (s->options.workers + s->options.queue));
	sessions_init(&s->sessions, s->options.sessions, (int64_t)s->options.session_idle_ms, s->base,
		      &s->backend);
	r = find_runtimes(s, err);
	/* Who it is for is known already: the first run is to be a warm one. */
	if (r == 0 && s->warm.start && s->tenants.open)
		pools_let_go(&s->pools, pools_get(&s->pools, s->tenants.all[0].name, NULL));
	return r < 0 ? r : server_start_workers(s, err);
}

void server_stop(struct server *s)
{
	queue_end(&s->queue);
	for (uint64_t i = 0; i < s->n_workers; i++)
		pthread_join(s->workers[i].thread, NULL);
	clients_stop(&s->clients);
	sessions_done(&s->sessions);
	pools_done(&s->pools);
	cgroup_tree_done(&s->groups);
	queue_done(&s->queue);
	tenants_done(&s->tenants);
	free(s->workers);
}
