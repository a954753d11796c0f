/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/carry.h"

#include "base/fd.h"
#include "base/thread.h"
#include "carry/call.h"
#include "carry/caller.h"
#include "carry/meter.h"
#include "carry/socket_copy.h"
#include "carry/visible.h"
#include "carry/waiting.h"
#include "isolation/control.h"
#include "isolation/kernel.h"
#include "network/policy.h"
#include "transport/inner.h"
#include "transport/question.h"
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef SECCOMP_IOCTL_NOTIF_ADDFD
#define SECCOMP_IOCTL_NOTIF_ADDFD SECCOMP_IOW(3, struct seccomp_notif_addfd)
#define SECCOMP_ADDFD_FLAG_SETFD 1
struct seccomp_notif_addfd {
	uint64_t id;
	uint32_t flags, srcfd, newfd, newfd_flags;
};
#endif

struct carry_asked {
	struct carry *carry;
	struct call call;
	void *question; /* the judge's */
	enum consent_verdict verdict;
	struct carry_asked *next, **at; /* the carry's list */
};

struct carry {
	struct carry_config config;
	int listener_fd; /* borrowed */
	struct carry_init init;
	uint64_t own_cookie;
	bool rare_options;   /* some socket has them */
	struct caller last;
	struct visible visible;
	struct waiting *waiting;
	struct meter *meter; /* NULL: nothing is counted */
	pthread_mutex_t lock; /* guards the list */
	struct carry_asked *first;
};

static void reply(const struct carry *c, const struct call *call, int code)
{
	waiting_reply(c->listener_fd, call->id, code);
}

static void let_go_on(const struct carry *c, uint64_t id)
{
	struct seccomp_notif_resp response = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	(void)ioctl(c->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static bool still_stands(const struct carry *c, uint64_t id)
{
	return ioctl(c->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int carry_new(const struct carry_config *config, struct carry **ret)
{
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct carry *c = calloc(1, sizeof(*c));
	int r = !c ? -ENOMEM : fd < 0 ? -errno : call_netns_cookie(fd, &c->own_cookie);

	if (r == 0)
		r = waiting_new(&c->waiting);
	if (r < 0) {
		free(c);
		return r;
	}
	c->config = *config;
	if (meter_new(&c->meter) < 0)
		c->meter = NULL; /* the connections are more than their count */
	c->last = CALLER_NONE;
	visible_init(&c->visible);
	pthread_mutex_init(&c->lock, NULL);
	*ret = c;
	return 0;
}

void carry_listen(struct carry *c, int listener_fd, const struct carry_init *init)
{
	c->init = *init;
	c->listener_fd = listener_fd;
	waiting_listen(c->waiting, listener_fd);
}

/* To the world, as far as a policy could open it. All else is of the sandbox's own network: its
 * loopback above all, and what leads nowhere. */
static bool leads_out(const struct call *call)
{
	struct sockaddr_in6 v6;
	enum net_place place;

	if (!call->tcp || call->target.family == AF_UNSPEC || inner_is_of_link(&call->target))
		return false;
	/* An interface's number means another one outside. */
	memcpy(&v6, &call->address, sizeof(v6));
	if (call->target.family == AF_INET6 && v6.sin6_scope_id != 0)
		return false;
	place = net_address_place(&call->target);
	return place == NET_PUBLIC || place == NET_PRIVATE || place == NET_METADATA;
}

static bool is_blocking(int socket_fd)
{
	int flags = fcntl(socket_fd, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

static bool is_under_way(int r)
{
	return r == -EINPROGRESS || r == -EALREADY;
}

/* For a thread that has nothing else to do. */
static int wait_here(int socket_fd, const struct call *call)
{
	struct pollfd pfd = {.fd = socket_fd, .events = POLLOUT};
	int r;

	do {
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return -errno;
		r = call_result(socket_fd, call);
	} while (r == -EINPROGRESS);
	return r;
}

/* Answer @call, whose connection on @socket_fd (taken over) began with @r; a caller that waits for it,
 * when it has ended. */
static void answer(struct carry *c, const struct call *call, int socket_fd, bool blocking, int r)
{
	cleanup_close int fd = socket_fd;

	if (blocking && is_under_way(r)) {
		r = waiting_add(c->waiting, call, TAKE_FD(fd));
		if (r == 0)
			return;
	}
	reply(c, call, r);
}

/* The error that is pending: -errno; 0: none. */
static int take_error(int socket_fd)
{
	int error = 0;
	socklen_t size = sizeof(error);

	return getsockopt(socket_fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -errno : -error;
}

/* In the sandbox's own network, with the app's own socket. One of the host's comes here to be
 * dissolved at most, after which it is good for nothing (carry.h). */
static void connect_inside(struct carry *c, struct call *call)
{
	bool blocking = is_blocking(call->socket_fd);
	int r = -EACCES;

	if (call->hosts && call->address.ss_family == AF_UNSPEC && c->meter)
		meter_end(c->meter, call->socket_fd);
	if (!call->hosts || call->address.ss_family == AF_UNSPEC)
		r = call_connect(call->socket_fd, call, blocking);
	/* Dissolved, it would have to say that it was reset; nobody asks the app's next connection. */
	if (call->hosts && r == 0)
		(void)take_error(call->socket_fd);
	answer(c, call, TAKE_FD(call->socket_fd), blocking, r);
}

static int put_in_place(const struct carry *c, const struct call *call, int socket_fd, bool close_on_exec)
{
	struct seccomp_notif_addfd place = {.id = call->id,
					    .flags = SECCOMP_ADDFD_FLAG_SETFD,
					    .srcfd = (uint32_t)socket_fd,
					    .newfd = (uint32_t)call->fd,
					    .newfd_flags = close_on_exec ? O_CLOEXEC : 0};

	return ioctl(c->listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &place) < 0 ? -errno : 0;
}

/* Connected at once, as near peers are, or not yet. */
static int begin_connection(int socket_fd, const struct call *call, bool blocking)
{
	int r = call_connect(socket_fd, call, false);

	if (r == -EINPROGRESS && blocking)
		r = call_connect(socket_fd, call, false);
	return r == -EALREADY ? -EINPROGRESS : r;
}

/*
 * A connection of the host's in the place of the app's socket; also while it is still being made,
 * so that whatever a signal or a poll does with it is the kernel's.
 * @ret_fd  ours, of what the app has now; -EBADF: it has its own still
 * Returns what connect(2) says: 0; -errno.
 */
static int connect_outside(const struct carry *c, const struct call *call,
			   const struct caller_fd_flags *flags, int *ret_fd)
{
	cleanup_close int fd = socket(call->domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	int r, r_place = 0;

	*ret_fd = -EBADF;
	if (fd < 0 || (c->config.change_ids && fchown(fd, c->config.uid, c->config.gid) < 0))
		return -errno;
	socket_copy_options(call->socket_fd, fd, c->rare_options);
	r = begin_connection(fd, call, !flags->nonblocking);
	if (r < 0 && r != -EINPROGRESS)
		return r;
	if (c->meter)
		meter_add(c->meter, fd, call->row);
	if (!flags->nonblocking && fcntl(fd, F_SETFL, 0) < 0)
		r_place = -errno;
	if (r_place == 0)
		r_place = put_in_place(c, call, fd, flags->close_on_exec);
	if (r_place < 0)
		return r_place;
	*ret_fd = TAKE_FD(fd);
	return r;
}

static void go_outside(struct carry *c, const struct call *call, const struct caller_fd_flags *flags)
{
	int fd, r = connect_outside(c, call, flags, &fd);

	answer(c, call, fd, !flags->nonblocking, r);
}

/* Connected already: 0, once, or EISCONN, whatever the address. It is not called with the app's: should
 * the connection end at this moment, it could begin another one. */
static int connect_to_peer(const struct call *call)
{
	struct call same = *call;

	same.size = sizeof(same.address);
	if (getpeername(call->socket_fd, (struct sockaddr *)&same.address, &same.size) < 0)
		return -errno;
	return call_connect(call->socket_fd, &same, true);
}

/* The socket is one of ours already: connected, or not any more. */
static bool is_in_use(struct carry *c, struct call *call)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	bool blocking = is_blocking(call->socket_fd);
	int r = -EALREADY;

	if (getsockopt(call->socket_fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) {
		r = -errno;
	} else if (info.tcpi_state == TCP_CLOSE) {
		r = take_error(call->socket_fd);
		if (r == 0)
			return false;
	} else if (info.tcpi_state != TCP_SYN_SENT) {
		r = connect_to_peer(call);
	}
	answer(c, call, TAKE_FD(call->socket_fd), blocking, r);
	return true;
}

static void *go_on(void *data)
{
	struct carry_asked *a = data;
	cleanup(caller_done) struct caller caller = CALLER_NONE;
	struct caller_fd_flags flags;
	cleanup_close int fd = -EBADF;
	int r = a->verdict == CONSENT_ALLOW ? caller_fd_flags(&caller, a->call.tid, a->call.fd, &flags) : -EACCES;

	a->call.judged = a->verdict == CONSENT_ALLOW;
	if (r == 0)
		r = connect_outside(a->carry, &a->call, &flags, &fd);
	if (fd >= 0 && !flags.nonblocking && is_under_way(r))
		r = wait_here(fd, &a->call);
	reply(a->carry, &a->call, r);
	call_done(&a->call);
	free(a);
	return NULL;
}

static void list_remove(struct carry_asked *a)
{
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
}

static void list_add(struct carry *c, struct carry_asked *a)
{
	a->next = c->first;
	a->at = &c->first;
	if (a->next)
		a->next->at = &a->next;
	c->first = a;
}

void carry_answered(struct carry_asked *a, enum consent_verdict verdict, uint32_t row)
{
	struct carry *c = a->carry;

	pthread_mutex_lock(&c->lock);
	list_remove(a);
	pthread_mutex_unlock(&c->lock);
	a->verdict = verdict;
	a->call.row = row;
	/* The prompt thread has others to ask. */
	if (thread_detached(go_on, a) < 0) {
		a->verdict = CONSENT_DENY;
		go_on(a);
	}
}

static void ask(struct carry *c, struct call *call, struct net_question *q)
{
	struct carry_asked *a = malloc(sizeof(*a));

	if (!a) {
		reply(c, call, -EACCES);
		return;
	}
	*a = (struct carry_asked){.carry = c, .call = *call};
	/* Locked until it is known what to cancel: the answer may be there at once. */
	pthread_mutex_lock(&c->lock);
	list_add(c, a);
	a->question = c->config.judge.ask(c->config.judge.data, q, call->tid, a);
	if (a->question)
		call->socket_fd = -EBADF;
	else
		list_remove(a);
	pthread_mutex_unlock(&c->lock);
	if (call->socket_fd < 0)
		return;
	free(a);
	reply(c, call, -EACCES);
}

static void connect_tcp(struct carry *c, struct call *call)
{
	struct net_question q = {.kind = NET_ASK_TARGET,
				 .protocol = NET_TCP,
				 .family = (uint16_t)call->target.family,
				 .port = call->port};
	struct caller_fd_flags flags;
	int r = caller_fd_flags(&c->last, call->tid, call->fd, &flags);

	if (r < 0) {
		reply(c, call, r);
		return;
	}
	memcpy(q.address, &call->target.v6, call->target.family == AF_INET ? 4 : 16);
	switch (c->config.judge.decide(c->config.judge.data, &q, call->tid, &call->row)) {
	case CONSENT_ALLOW:
		call->judged = true;
		go_outside(c, call, &flags);
		return;
	case CONSENT_ASK:
		/* Who does not want to wait for a connection does not want to wait for a person: the
		 * first packet is kept instead. */
		if (flags.nonblocking || q.consented)
			connect_inside(c, call);
		else
			ask(c, call, &q);
		return;
	case CONSENT_DENY:
	case CONSENT_ABSENT:
		break;
	}
	reply(c, call, -EACCES);
}

static void take_connect(struct carry *c, const struct seccomp_notif *notif, struct call *call)
{
	int r = call_read_address(notif, call);

	if (r < 0) {
		reply(c, call, r);
		return;
	}
	if (!still_stands(c, call->id))
		return; /* what was read may be of somebody else */
	if (!leads_out(call) || (!call->hosts && visible_change(&c->visible, call)))
		connect_inside(c, call);
	else if (!call->hosts || !is_in_use(c, call))
		connect_tcp(c, call);
}

static void take_bind(struct carry *c, const struct seccomp_notif *notif, struct call *call)
{
	int r = call_read_address(notif, call);

	if (r == 0 && !still_stands(c, call->id))
		return;
	if (r == 0 && call->hosts)
		r = -EINVAL; /* as of any connected socket */
	if (r == 0 && bind(call->socket_fd, (struct sockaddr *)&call->address, call->size) < 0)
		r = -errno;
	reply(c, call, r);
}

/* Let go on, another thread could put one of the host's in its place, which would listen on any
 * free port. Listened on by us, whoever connects would take the app for one of the user's own processes. */
static void listen_by_init(const struct carry *c, const struct call *call, int backlog)
{
	struct control_message order = {.kind = CONTROL_LISTEN, .value = backlog, .call = call->id};
	int r = fd_send(c->init.control_fd, &order, sizeof(order), &call->socket_fd, 1);

	if (r < 0)
		reply(c, call, r);
}

void carry_listened(const struct carry *c, uint64_t call, int code)
{
	waiting_reply(c->listener_fd, call, code);
}

static void take_listen(struct carry *c, const struct seccomp_notif *notif, struct call *call)
{
	int backlog = (int)notif->data.args[1], r = 0;

	if (!still_stands(c, call->id))
		return;
	if (call->domain == AF_UNIX) {
		listen_by_init(c, call, backlog);
		return;
	}
	if (call->hosts || listen(call->socket_fd, backlog) < 0)
		r = call->hosts ? -EINVAL : -errno;
	reply(c, call, r);
}

bool carry_take(struct carry *c, const struct seccomp_notif *notif)
{
	cleanup(call_done) struct call call = CALL_NONE;
	int number = notif->data.nr;
	int r;

	switch (number) {
	case SYS_epoll_create1:
#ifdef SYS_epoll_create
	case SYS_epoll_create:
#endif
		visible_set_made(&c->visible);
		let_go_on(c, notif->id);
		return true;
	case SYS_setsockopt:
		c->rare_options = true;
		let_go_on(c, notif->id);
		return true;
	case SYS_listen:
		/* Its own, and no thread of the app reaches its descriptors. */
		if ((pid_t)notif->pid == c->init.pid) {
			let_go_on(c, notif->id);
			return true;
		}
		break;
	case SYS_connect:
	case SYS_bind:
		break;
	default:
		return false;
	}
	r = call_find_socket(notif, c->own_cookie, &c->last, &call);
	if (r < 0)
		reply(c, &call, r);
	else if (number == SYS_listen)
		take_listen(c, notif, &call);
	else if (call.domain == AF_UNIX)
		let_go_on(c, notif->id);
	else if (number == SYS_connect)
		take_connect(c, notif, &call);
	else
		take_bind(c, notif, &call);
	return true;
}

int carry_fd(const struct carry *c)
{
	return waiting_fd(c->waiting);
}

bool carry_has_waiting(const struct carry *c)
{
	return !waiting_is_empty(c->waiting);
}

void carry_step(struct carry *c)
{
	waiting_step(c->waiting);
}

bool carry_is_asking(struct carry *c)
{
	bool asking;

	pthread_mutex_lock(&c->lock);
	asking = c->first != NULL;
	pthread_mutex_unlock(&c->lock);
	return asking;
}

void carry_add_bytes(struct carry *c, struct net_account *account)
{
	struct net_bytes bytes[NET_ROWS_MAX];

	if (!c->meter)
		return;
	meter_finish(c->meter, bytes);
	net_question_add_rows(bytes, account);
}

void carry_drop_gone(struct carry *c)
{
	struct carry_asked *a, *next;

	pthread_mutex_lock(&c->lock);
	for (a = c->first; a; a = next) {
		next = a->next;
		if (still_stands(c, a->call.id) ||
		    !c->config.judge.cancel(c->config.judge.data, a->question))
			continue;
		list_remove(a);
		call_done(&a->call);
		free(a);
	}
	pthread_mutex_unlock(&c->lock);
}

/* Returns false when there is nothing to receive. */
static bool wait_for_call(struct carry *c)
{
	struct pollfd fds[2] = {{.fd = c->listener_fd, .events = POLLIN},
				{.fd = carry_fd(c), .events = POLLIN}};

	if (!carry_has_waiting(c))
		return true;
	(void)poll(fds, ARRAY_SIZE(fds), -1);
	if (fds[1].revents)
		carry_step(c);
	return fds[0].revents != 0;
}

bool carry_receive(struct carry *c)
{
	struct seccomp_notif notif = {0};

	if (!wait_for_call(c))
		return true;
	if (ioctl(c->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0)
		return errno == EINTR || errno == ENOENT;
	if (!carry_take(c, &notif))
		let_go_on(c, notif.id);
	return true;
}
