/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a pool: handing it over, ending it, what became of it. */
#include "base/clock.h"
#include "base/fd.h"
#include "server/pool_internal.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs that follow each other so soon are not disturbed by making new sandboxes, as long as
 * enough are left. */
#define QUIET_MS 3
#define ATTEMPTS_MAX 3

static struct pool_sandbox *of(struct pool_run *run)
{
	return (struct pool_sandbox *)((char *)run - offsetof(struct pool_sandbox, run));
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* First with @at NULL: how many bytes; then for real. */
static void add(char **at, size_t *size, const void *bytes, size_t n)
{
	uint32_t length = (uint32_t)n;

	*size += sizeof(length) + n;
	if (!*at)
		return;
	memcpy(*at, &length, sizeof(length));
	memcpy(*at + sizeof(length), bytes, n);
	*at += sizeof(length) + n;
}

static void add_number(char **at, size_t *size, size_t number)
{
	char text[24];

	add(at, size, text, (size_t)snprintf(text, sizeof(text), "%zu", number));
}

static size_t pack(const struct pool_spec *spec, char *at)
{
	size_t n_args = count(spec->argv), n_env = count(spec->env), size = 0;

	add_number(&at, &size, n_args);
	add_number(&at, &size, n_env);
	add_number(&at, &size, spec->n_files);
	add_number(&at, &size, !spec->isolated);
	add(&at, &size, spec->entry ? spec->entry : "", spec->entry ? strlen(spec->entry) : 0);
	add(&at, &size, spec->code ? spec->code : "", spec->code ? spec->code_size : 0);
	for (size_t i = 0; i < n_args; i++)
		add(&at, &size, spec->argv[i], strlen(spec->argv[i]));
	for (size_t i = 0; i < n_env; i++)
		add(&at, &size, spec->env[i], strlen(spec->env[i]));
	for (size_t i = 0; i < spec->n_files; i++) {
		add(&at, &size, spec->files[i].name, strlen(spec->files[i].name));
		add(&at, &size, spec->files[i].content, spec->files[i].size);
	}
	return size;
}

/* The sandbox reads all of it before anything of the run starts; one that does not is not waited
 * for. */
static int send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		struct pollfd pfd = {.fd = fd, .events = POLLOUT};

		if (n < 0 && errno == EAGAIN) {
			if (poll(&pfd, 1, 10000) == 0)
				return -ETIMEDOUT;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int make_pipes(struct pool_run *run, int ret_theirs[3])
{
	int pair[2];

	for (int fd = 0; fd < 3; fd++) {
		int *ours = fd == 0 ? &run->stdin_fd : fd == 1 ? &run->stdout_fd : &run->stderr_fd;

		if (pipe2(pair, O_CLOEXEC) < 0)
			return -errno;
		*ours = pair[fd == 0];
		ret_theirs[fd] = pair[fd != 0];
		if (fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
			return -errno;
	}
	return 0;
}

static int hand_over(struct pool_sandbox *s, const struct pool_spec *spec, const char *payload,
		     size_t size)
{
	const struct pool_limits *l = &spec->limits;
	struct zygote_spec head = {
		.payload_bytes = (uint32_t)size,
		.memory_bytes = l->memory_bytes,
		.pids = l->pids,
		.cpu_time_ms = l->cpu_ms,
		.file_size_bytes = l->file_bytes,
		.open_files = l->open_files,
	};
	int theirs[3] = {-EBADF, -EBADF, -EBADF};
	struct appsilo_error err;
	int r = pool_groups_limit(s, l, &err);

	pool_groups_relieve(s, &head);
	if (r == 0)
		r = make_pipes(&s->run, theirs);
	if (r == 0)
		r = fd_send(s->run.end_fd, &head, sizeof(head), theirs, 3);
	for (int fd = 0; fd < 3; fd++)
		close_keep_errno(theirs[fd]);
	return r == 0 ? send_all(s->run.end_fd, payload, size) : r;
}

/* With the lock. More is asked for than there is: more are to wait from now on. */
static void grow(struct pool *pool, int64_t now_ms)
{
	unsigned int left = pool->counts[SANDBOX_READY];

	if (left * 4 < pool->target) {
		pool->calm_since_ms = now_ms;
		if (left == 0)
			pool->target += pool->target / 2 + 1;
	}
	if (pool->target > pool->config.max_ready)
		pool->target = pool->config.max_ready;
	pool->refill_at_ms = left * 2 < pool->target ? now_ms : now_ms + QUIET_MS;
	pool_tick_at(pool, pool->refill_at_ms);
}

/* With the lock; NULL when none gets ready in time. */
static struct pool_sandbox *wait_for_one(struct pool *pool, unsigned int wait_ms)
{
	int64_t now_ms = clock_monotonic_ms(), until_ms = now_ms + wait_ms;
	struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};

	if (!pool->lists[SANDBOX_READY])
		grow(pool, now_ms);
	while (!pool->lists[SANDBOX_READY])
		if (pthread_cond_timedwait(&pool->changed, &pool->lock, &until) == ETIMEDOUT)
			return NULL;
	return pool->lists[SANDBOX_READY];
}

static struct pool_sandbox *take(struct pool *pool, const struct pool_spec *spec,
				 struct appsilo_error *err)
{
	struct pool_sandbox *s;

	pthread_mutex_lock(&pool->lock);
	s = wait_for_one(pool, spec->wait_ms);
	if (s) {
		int64_t now_ns = clock_ns(CLOCK_MONOTONIC), now_ms = now_ns / 1000000;

		epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, s->run.end_fd, NULL);
		pool_sandbox_move(s, SANDBOX_RUNNING);
		pool->taken++;
		s->started_ns = now_ns;
		s->cpu_limit_ms = spec->limits.cpu_ms;
		if (spec->limits.wall_ms && spec->limits.wall_ms < INT64_MAX / 2)
			s->kill_at_ms = now_ms + (int64_t)spec->limits.wall_ms;
		pool_groups_start(s, now_ms);
		pool_tick_at(pool, s->kill_at_ms < s->look_at_ms ? s->kill_at_ms : s->look_at_ms);
		grow(pool, now_ms);
	} else {
		error_say(err, -EAGAIN, "%s",
			  pool->error[0] ? pool->error : "pool: no sandbox is ready");
	}
	pthread_mutex_unlock(&pool->lock);
	return s;
}

static void drop(struct pool_sandbox *s)
{
	struct pool *pool = s->pool;

	pthread_mutex_lock(&pool->lock);
	pool_sandbox_drop(s);
	pthread_mutex_unlock(&pool->lock);
}

int pool_take(struct pool *pool, const struct pool_spec *spec, struct pool_run **ret,
	      struct appsilo_error *err)
{
	size_t size = pack(spec, NULL);
	cleanup_free char *payload = NULL;
	struct pool_sandbox *s;
	int r = 0;

	if (size > ZYGOTE_PAYLOAD_MAX)
		return error_say(err, -E2BIG, "pool: code and files are larger than %u bytes",
				 ZYGOTE_PAYLOAD_MAX);
	payload = malloc(size);
	if (!payload)
		return error_set(err, -ENOMEM, "pool");
	pack(spec, payload);
	/* One that died while it waited has not seen the run. */
	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		s = take(pool, spec, err);
		if (!s)
			return -EAGAIN;
		r = hand_over(s, spec, payload, size);
		if (r == 0) {
			*ret = &s->run;
			return 0;
		}
		drop(s);
		if (r != -EPIPE && r != -ECONNRESET)
			break;
	}
	return error_set(err, r, "pool: hand a run to its sandbox");
}

void pool_run_kill(struct pool_run *run)
{
	struct pool_sandbox *s = of(run);
	int64_t now_ms = clock_monotonic_ms();

	pthread_mutex_lock(&s->pool->lock);
	if (!s->guest_killed) {
		s->killed = true;
		s->kill_at_ms = now_ms;
		pool_tick_at(s->pool, now_ms);
	}
	pthread_mutex_unlock(&s->pool->lock);
}

/* The report may be forged by the run, about itself only: it is read as numbers within bounds. */
static void read_end(struct pool_sandbox *s, const struct zygote_report *report,
		     struct pool_result *ret)
{
	int status = report->status;

	ret->cpu_ms = report->cpu_us < 0 ? 0 : report->cpu_us / 1000;
	ret->memory_bytes = report->max_rss_bytes < 0 ? 0 : report->max_rss_bytes;
	if (WIFEXITED(status)) {
		ret->reason = POOL_EXITED;
		ret->exit_code = WEXITSTATUS(status);
		return;
	}
	ret->reason = POOL_SIGNALED;
	ret->signal = WTERMSIG(status);
	ret->exit_code = 128 + ret->signal;
	/* The kernel's clock for the limit is coarser than what is reported, by a tick or two. */
	if (s->cpu_limit_ms &&
	    (ret->signal == SIGXCPU ||
	     (ret->signal == SIGKILL && (uint64_t)ret->cpu_ms + 100 >= s->cpu_limit_ms))) {
		ret->reason = POOL_TIMEOUT;
		ret->exit_code = 124;
	}
}

static bool receive_end(int fd, struct zygote_report *report)
{
	ssize_t n;

	do /* init sends it in one piece; descriptors that a run might send are dropped */
		n = recv(fd, report, sizeof(*report), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*report) && report->word == ZYGOTE_CHILD_ENDED &&
	       (WIFEXITED(report->status) || WIFSIGNALED(report->status));
}

/* It has ended; what is still to be read has its own patience. */
static void spare(struct pool_sandbox *s)
{
	pthread_mutex_lock(&s->pool->lock);
	s->kill_at_ms = INT64_MAX;
	pthread_mutex_unlock(&s->pool->lock);
}

void pool_run_end(struct pool_run *run, struct pool_result *ret)
{
	struct zygote_report report;
	struct cgroup_usage usage;
	struct pool_sandbox *s;
	struct pool *pool;
	bool told;

	if (!run)
		return;
	s = of(run);
	pool = s->pool;
	told = receive_end(run->end_fd, &report);
	*ret = (struct pool_result){
		.exit_code = 125, .wall_ms = (clock_ns(CLOCK_MONOTONIC) - s->started_ns) / 1000000};
	if (told && pool->config.files_bytes) {
		spare(s);
		pool_files_receive(run->end_fd, pool->config.files_bytes, ret);
	}
	pool_groups_usage(s, &usage);
	pthread_mutex_lock(&pool->lock);
	if (told)
		read_end(s, &report, ret);
	else
		snprintf(ret->text, sizeof(ret->text), "run: the sandbox was lost");
	/* It may have ended just before it was to be killed. */
	if (!told || ret->signal == SIGKILL) {
		if (s->timed_out) {
			ret->reason = POOL_TIMEOUT;
			ret->exit_code = 124;
		} else if (s->killed) {
			ret->reason = POOL_KILLED;
		}
	}
	pool_groups_account(s, &usage, ret);
	if (ret->reason != POOL_FAILED)
		ret->text[0] = '\0';
	/* All of it, whatever it has made of its init. */
	if (s->init_pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, s->init_pidfd, SIGKILL, NULL, 0);
	pool_sandbox_drop(s);
	pool_tick_at(pool, pool->refill_at_ms);
	pthread_mutex_unlock(&pool->lock);
}
