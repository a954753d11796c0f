/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/waiting.h"

#include "base/clock.h"
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>

struct entry {
	struct call call; /* socket_fd: the one that connects */
	int64_t until_ms; /* 0: no end */
	struct entry *next;
};

struct waiting {
	int listener_fd; /* borrowed */
	int epoll_fd, timer_fd; /* owned */
	size_t n;
	struct entry *first;
};

int waiting_new(struct waiting **ret)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct waiting *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->epoll_fd < 0 || w->timer_fd < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->timer_fd, &event) < 0) {
		int r = -errno;

		close_keep_errno(w->epoll_fd);
		close_keep_errno(w->timer_fd);
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void waiting_listen(struct waiting *w, int listener_fd)
{
	w->listener_fd = listener_fd;
}

int waiting_fd(const struct waiting *w)
{
	return w->epoll_fd;
}

bool waiting_is_empty(const struct waiting *w)
{
	return w->n == 0;
}

void waiting_reply(int listener_fd, uint64_t id, int code)
{
	struct seccomp_notif_resp response = {.id = id, .error = code};

	/* The caller may have gone; then nobody waits. */
	(void)ioctl(listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void remove_entry(struct waiting *w, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next;
	call_done(&e->call); /* and with it, its place in the epoll set, if the app has closed it */
	free(e);
	w->n--;
}

/* A thread makes one call at a time: what it waited for before, a signal has ended. */
static void remove_earlier(struct waiting *w, pid_t tid)
{
	struct entry **at = &w->first;

	while (*at && (*at)->call.tid != tid)
		at = &(*at)->next;
	if (!*at)
		return;
	(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, (*at)->call.socket_fd, NULL);
	remove_entry(w, at);
}

static int64_t end_of(int socket_fd)
{
	struct timeval limit = {0};
	socklen_t size = sizeof(limit);

	if (getsockopt(socket_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) < 0 ||
	    (limit.tv_sec == 0 && limit.tv_usec == 0))
		return 0;
	return clock_monotonic_ms() + (int64_t)limit.tv_sec * 1000 + limit.tv_usec / 1000 + 1;
}

static void set_timer(struct waiting *w)
{
	struct itimerspec at = {0};
	int64_t first_ms = 0;

	for (const struct entry *e = w->first; e; e = e->next)
		if (e->until_ms && (!first_ms || e->until_ms < first_ms))
			first_ms = e->until_ms;
	at.it_value.tv_sec = first_ms / 1000;
	at.it_value.tv_nsec = first_ms % 1000 * 1000000;
	(void)timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

int waiting_add(struct waiting *w, const struct call *call, int socket_fd)
{
	cleanup_close int fd = socket_fd;
	struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT};
	struct entry *e;

	remove_earlier(w, call->tid);
	e = w->n < WAITING_MAX ? malloc(sizeof(*e)) : NULL;
	if (!e)
		return -ENOBUFS;
	*e = (struct entry){.call = *call, .until_ms = end_of(fd), .next = w->first};
	event.data.ptr = e;
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(e);
		return -errno;
	}
	e->call.socket_fd = TAKE_FD(fd);
	w->first = e;
	w->n++;
	if (e->until_ms)
		set_timer(w);
	return 0;
}

static bool finish(struct waiting *w, struct entry *e)
{
	struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.ptr = e};
	int r = call_result(e->call.socket_fd, &e->call);

	if (r == -EINPROGRESS &&
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, e->call.socket_fd, &event) == 0)
		return false;
	waiting_reply(w->listener_fd, e->call.id, r);
	(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, e->call.socket_fd, NULL);
	return true;
}

static void end_late(struct waiting *w)
{
	int64_t now_ms = clock_monotonic_ms();
	struct entry **at = &w->first;

	while (*at) {
		struct entry *e = *at;

		if (!e->until_ms || e->until_ms > now_ms) {
			at = &e->next;
			continue;
		}
		waiting_reply(w->listener_fd, e->call.id, -EINPROGRESS);
		(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, e->call.socket_fd, NULL);
		remove_entry(w, at);
	}
	set_timer(w);
}

void waiting_step(struct waiting *w)
{
	struct epoll_event event;

	while (epoll_wait(w->epoll_fd, &event, 1, 0) == 1) {
		struct entry **at = &w->first;

		if (!event.data.ptr) {
			end_late(w);
			continue;
		}
		if (!finish(w, event.data.ptr))
			continue;
		while (*at != event.data.ptr)
			at = &(*at)->next;
		remove_entry(w, at);
	}
}
