/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool's thread: it keeps zygotes alive and sandboxes ready, and ends runs at their deadline.
 * Taking a sandbox does not wake it: what it has to do later is in the timer that pool_take() moves
 * forward, so that nothing competes with a run that has just begun.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "server/pool_internal.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Made at the same time: more would only take the processors from the runs. */
#define MAKING_MAX 2
#define LOADING_MAX_MS 60000
#define MAKING_MAX_MS 20000
#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 10000
/* Without a shortage for so long, the pool gets smaller. */
#define CALM_MS 10000
/* After its first process was killed a run has so long to tell of its end. */
#define GRACE_MS 200
/* For the groups of the last sandboxes. */
#define LAST_MS 2000
#define EVENTS_MAX 64

void pool_tick_at(struct pool *pool, int64_t at_ms)
{
	struct itimerspec when = {.it_value = {at_ms / 1000, at_ms % 1000 * 1000000}};

	if (at_ms >= pool->tick_at_ms)
		return;
	pool->tick_at_ms = at_ms;
	if (at_ms <= 0)
		when.it_value = (struct timespec){0, 1};
	(void)timerfd_settime(pool->tick_fd, TFD_TIMER_ABSTIME, &when, NULL); /* cannot fail */
}

static void unlist(struct pool_sandbox *s)
{
	if (!s->listed)
		return;
	if (s->previous)
		s->previous->next = s->next;
	else
		s->pool->lists[s->state] = s->next;
	if (s->next)
		s->next->previous = s->previous;
	s->pool->counts[s->state]--;
	s->listed = false;
}

void pool_sandbox_move(struct pool_sandbox *s, enum sandbox_state state)
{
	struct pool_sandbox **head = &s->pool->lists[state];

	unlist(s);
	s->state = state;
	s->previous = NULL;
	s->next = *head;
	if (*head)
		(*head)->previous = s;
	*head = s;
	s->listed = true;
	s->pool->counts[state]++;
}

void pool_sandbox_drop(struct pool_sandbox *s)
{
	unlist(s);
	pool_groups_bury(s->pool, s);
	s->zygote->sandboxes--;
	close_keep_errno(s->run.stdin_fd);
	close_keep_errno(s->run.stdout_fd);
	close_keep_errno(s->run.stderr_fd);
	close_keep_errno(s->run.end_fd);
	close_keep_errno(s->init_pidfd);
	close_keep_errno(s->guest_pidfd);
	free(s);
}

static void send_kill(int pidfd)
{
	if (pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* or it is gone */
}

/* First its own process, so that init tells what it used; then, where that does not come, all. */
static void kill_step(struct pool_sandbox *s, int64_t now_ms)
{
	send_kill(s->guest_killed ? s->init_pidfd : s->guest_pidfd);
	s->kill_at_ms = s->guest_killed ? INT64_MAX : now_ms + GRACE_MS;
	s->guest_killed = true;
}

static void enforce_deadlines(struct pool *pool, int64_t now_ms)
{
	for (struct pool_sandbox *s = pool->lists[SANDBOX_RUNNING]; s; s = s->next) {
		bool over = s->kill_at_ms <= now_ms;

		if (!s->guest_killed && pool_groups_cpu_over(s, now_ms))
			over = true;
		if (over) {
			s->timed_out = s->timed_out || !s->killed;
			s->look_at_ms = INT64_MAX;
			kill_step(s, now_ms);
		}
		pool_tick_at(pool, s->kill_at_ms < s->look_at_ms ? s->kill_at_ms : s->look_at_ms);
	}
}

/* The newest, if it makes sandboxes. */
static struct pool_zygote *current(struct pool *pool)
{
	for (struct pool_zygote *z = pool->zygotes; z; z = z->next)
		if (z->ready && !z->retired)
			return z;
	return NULL;
}

static void drop_of(struct pool *pool, struct pool_zygote *zygote, enum sandbox_state state)
{
	struct pool_sandbox *next;

	for (struct pool_sandbox *s = pool->lists[state]; s; s = next) {
		next = s->next;
		if (s->zygote == zygote)
			pool_sandbox_drop(s);
	}
}

/* What an interpreter says last says most. */
static const char *last_line(char *text)
{
	size_t n = strlen(text);
	char *line;

	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
	line = strrchr(text, '\n');
	return line ? line + 1 : text;
}

/* Whatever it made has gone with it; runs notice by the end of their socket. It stays in the list,
 * without process, until the last of them was ended. */
static void lose_zygote(struct pool *pool, struct pool_zygote *z, const char *why)
{
	char text[ERROR_LINE_MAX], shown[ERROR_LINE_MAX];
	const char *last;
	int64_t wait_ms;

	while (pool_zygote_read_log(z) && poll(&(struct pollfd){z->log_fd, POLLIN, 0}, 1, 0) > 0)
		;
	last = last_line(z->log);
	snprintf(text, sizeof(text), "%.400s%s%.400s", why ? why : "", why && *last ? ": " : "",
		 why || *last ? last : "it ended without a word");
	snprintf(pool->error, sizeof(pool->error), "pool: no zygote: %.900s",
		 text_show(text, shown, sizeof(shown)));
	pool->failures++;
	kill(z->pid, SIGKILL);
	drop_of(pool, z, SANDBOX_MAKING);
	drop_of(pool, z, SANDBOX_READY);
	z->ready = false;
	z->retired = true;
	epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, z->socket_fd, NULL);
	epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, z->log_fd, NULL);
	wait_ms = (int64_t)RETRY_FIRST_MS << (pool->failures < 8 ? pool->failures - 1 : 7);
	pool->retry_at_ms =
		clock_monotonic_ms() + (wait_ms < RETRY_MAX_MS ? wait_ms : RETRY_MAX_MS);
	pthread_cond_broadcast(&pool->changed);
}

static void end_idle_zygotes(struct pool *pool)
{
	struct pool_zygote *next;

	for (struct pool_zygote *z = pool->zygotes; z; z = next) {
		next = z->next;
		if (z->retired && z->sandboxes == 0)
			pool_zygote_end(pool, z);
	}
}

/* One that neither loads nor makes, whatever it hangs in, is as good as dead. */
static void drop_stuck(struct pool *pool, int64_t now_ms)
{
	for (struct pool_zygote *z = pool->zygotes; z; z = z->next)
		if (!z->ready && !z->retired) {
			if (now_ms - z->started_ms > LOADING_MAX_MS)
				lose_zygote(pool, z, "it does not get ready");
			else
				pool_tick_at(pool, z->started_ms + LOADING_MAX_MS + 1);
		}
	for (struct pool_sandbox *s = pool->lists[SANDBOX_MAKING]; s; s = s->next) {
		int64_t started_ms = s->started_ns / 1000000;

		if (now_ms - started_ms > MAKING_MAX_MS) {
			lose_zygote(pool, s->zygote, "it makes no sandboxes any more");
			return; /* the list is another one now */
		}
		pool_tick_at(pool, started_ms + MAKING_MAX_MS + 1);
	}
}

static void keep_zygote(struct pool *pool, int64_t now_ms)
{
	struct pool_zygote *newest = pool->zygotes;
	struct appsilo_error err = {0};

	end_idle_zygotes(pool);
	newest = pool->zygotes;
	/* The successor starts while the old one still makes. */
	if (newest && !newest->retired && newest->made < pool->config.runs_per_zygote)
		return;
	if (now_ms < pool->retry_at_ms) {
		pool_tick_at(pool, pool->retry_at_ms);
		return;
	}
	if (pool_zygote_start(pool, &err) < 0) {
		snprintf(pool->error, sizeof(pool->error), "%s", err.line);
		pool->failures++;
		pool->retry_at_ms = now_ms + RETRY_MAX_MS;
		pool_tick_at(pool, pool->retry_at_ms);
	}
}

/* Fewer than asked for in a long calm; those of a zygote that retires first. */
static void shrink(struct pool *pool, int64_t now_ms)
{
	struct pool_sandbox *next;

	if (pool->target > pool->config.min_ready && now_ms - pool->calm_since_ms > CALM_MS) {
		pool->target -= (pool->target - pool->config.min_ready + 3) / 4;
		pool->calm_since_ms = now_ms;
	}
	for (struct pool_sandbox *s = pool->lists[SANDBOX_READY]; s; s = next) {
		next = s->next;
		if (s->zygote->retired && pool->counts[SANDBOX_READY] > pool->target / 2)
			pool_sandbox_drop(s);
	}
	while (pool->counts[SANDBOX_READY] > pool->target)
		pool_sandbox_drop(pool->lists[SANDBOX_READY]);
	if (pool->target > pool->config.min_ready)
		pool_tick_at(pool, pool->calm_since_ms + CALM_MS + 1);
}

/* A sandbox costs the host half a MiB, its run as much as its limits let it. */
static bool memory_is_short(void)
{
	char text[512], *at;
	unsigned long long available, total;

	if (fd_read_file(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0 && !*text)
		return false;
	at = strstr(text, "MemAvailable:");
	return sscanf(text, "MemTotal: %llu", &total) == 1 && at &&
	       sscanf(at, "MemAvailable: %llu", &available) == 1 && available < total / 20;
}

static void refill(struct pool *pool, int64_t now_ms)
{
	struct pool_zygote *z = current(pool);

	if (!z || now_ms < pool->refill_at_ms) {
		if (z)
			pool_tick_at(pool, pool->refill_at_ms);
		return;
	}
	while (pool->counts[SANDBOX_MAKING] < MAKING_MAX &&
	       pool->counts[SANDBOX_READY] + pool->counts[SANDBOX_MAKING] < pool->target) {
		int r = pool->made % 64 == 0 && memory_is_short() ? -ENOMEM : pool_zygote_make(pool, z);

		if (r < 0) {
			snprintf(pool->error, sizeof(pool->error), "pool: make a sandbox: %s", strerror(-r));
			pool->refill_at_ms = now_ms + 1000;
			pool_tick_at(pool, pool->refill_at_ms);
			return;
		}
	}
}

static void tick(struct pool *pool)
{
	int64_t now_ms = clock_monotonic_ms();
	uint64_t times;

	(void)!read(pool->tick_fd, &times, sizeof(times));
	pool->tick_at_ms = INT64_MAX;
	enforce_deadlines(pool, now_ms);
	pool_groups_remove(pool, now_ms);
	drop_stuck(pool, now_ms);
	keep_zygote(pool, now_ms);
	shrink(pool, now_ms);
	refill(pool, now_ms);
}

static void take_zygote_message(struct pool *pool, struct pool_zygote *z)
{
	struct zygote_message m;
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(z->socket_fd, &m, sizeof(m), MSG_DONTWAIT, fds);

	if (n == -EAGAIN)
		return;
	m.text[sizeof(m.text) - 1] = '\0';
	if (n == sizeof(m) && m.kind == ZYGOTE_READY) {
		for (struct pool_zygote *old = z->next; old; old = old->next)
			old->retired = true;
		z->ready = true;
		pool->error[0] = '\0';
		return;
	}
	lose_zygote(pool, z, n == sizeof(m) && m.kind == ZYGOTE_FAILED ? m.text : NULL);
}

/* Its pid, as we see it, and whether it is still there now that the descriptor names it. */
static int open_pid(pid_t pid, int socket_fd)
{
	struct pollfd pfd = {.fd = socket_fd};
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (fd >= 0 && poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR))) {
		close(fd);
		return -ESRCH;
	}
	return fd < 0 ? -ESRCH : fd;
}

static int receive_report(int fd, struct zygote_report *report, pid_t *ret_pid)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = {.iov_base = report, .iov_len = sizeof(*report)};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	struct ucred sender = {0};

	if (n < 0)
		return -errno;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&sender, CMSG_DATA(c), sizeof(sender));
	report->text[sizeof(report->text) - 1] = '\0';
	*ret_pid = sender.pid;
	return n == sizeof(*report) ? 0 : -EPIPE;
}

/* From a sandbox that has no run yet: nothing of a stranger's is in it. */
static void take_report(struct pool *pool, struct pool_sandbox *s)
{
	struct zygote_report report;
	pid_t pid = 0;
	int r = receive_report(s->run.end_fd, &report, &pid);

	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r == 0 && report.word == ZYGOTE_CHILD_MADE && s->init_pidfd < 0) {
		r = s->init_pidfd = open_pid(pid, s->run.end_fd);
		s->init_pid = pid;
	} else if (r == 0 && report.word == ZYGOTE_CHILD_READY && s->init_pidfd >= 0 &&
		   s->state == SANDBOX_MAKING) {
		s->guest_pid = pid;
		r = s->guest_pidfd = open_pid(pid, s->run.end_fd);
		if (r >= 0)
			r = pool_groups_note_base(s);
		if (r >= 0) {
			pool_sandbox_move(s, SANDBOX_READY);
			pool->failures = 0;
			pool->error[0] = '\0';
			pthread_cond_signal(&pool->changed);
		}
	} else if (r == 0) {
		char shown[sizeof(report.text) * 4 + 1];

		snprintf(pool->error, sizeof(pool->error), "pool: %.900s",
			 report.word == ZYGOTE_CHILD_FAILED
				 ? text_show(report.text, shown, sizeof(shown))
				 : "a sandbox sent nonsense");
		r = -EPROTO;
	}
	if (r >= 0)
		return;
	/* Not at once again: what failed once will most often fail twice. */
	pool->refill_at_ms = clock_monotonic_ms() + RETRY_FIRST_MS;
	pool_sandbox_drop(s);
}

/* An event may be of something that an earlier one of the same turn has taken away. */
static bool is_sandbox(const struct pool *pool, const void *p)
{
	for (int state = SANDBOX_MAKING; state <= SANDBOX_READY; state++)
		for (const struct pool_sandbox *s = pool->lists[state]; s; s = s->next)
			if (s == p)
				return true;
	return false;
}

static struct pool_zygote *find_zygote(const struct pool *pool, const void *p, bool log)
{
	struct pool_zygote *z = pool->zygotes;

	while (z && (log ? (void *)&z->log_source : (void *)&z->source) != p)
		z = z->next;
	return z;
}

static void take_event(struct pool *pool, void *p)
{
	struct pool_zygote *z;
	uint64_t times;

	if (p == &pool->wake_fd) {
		(void)!read(pool->wake_fd, &times, sizeof(times));
	} else if ((z = find_zygote(pool, p, false))) {
		take_zygote_message(pool, z);
	} else if ((z = find_zygote(pool, p, true))) {
		if (!pool_zygote_read_log(z))
			epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, z->log_fd, NULL);
	} else if (is_sandbox(pool, p)) {
		take_report(pool, p);
	}
}

/* Their zygotes are gone, and so are the sandboxes, or nearly. What stays goes with the groups. */
static void bury_the_last(struct pool *pool)
{
	static const struct timespec moment = {.tv_nsec = 5000000};
	int64_t end_ms = clock_monotonic_ms() + LAST_MS;

	for (int64_t now_ms = 0; pool->n_graves && now_ms < end_ms; nanosleep(&moment, NULL)) {
		now_ms = clock_monotonic_ms();
		pool_groups_remove(pool, now_ms);
	}
}

void *pool_live(void *data)
{
	struct pool *pool = data;
	struct epoll_event events[EVENTS_MAX];

	pthread_mutex_lock(&pool->lock);
	while (!pool->ending) {
		int n;

		tick(pool);
		pthread_mutex_unlock(&pool->lock);
		n = epoll_wait(pool->epoll_fd, events, EVENTS_MAX, -1);
		pthread_mutex_lock(&pool->lock);
		for (int i = 0; i < n; i++)
			take_event(pool, events[i].data.ptr);
	}
	for (struct pool_zygote *z = pool->zygotes; z; z = z->next) {
		drop_of(pool, z, SANDBOX_MAKING);
		drop_of(pool, z, SANDBOX_READY);
	}
	while (pool->zygotes)
		pool_zygote_end(pool, pool->zygotes);
	bury_the_last(pool);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}
