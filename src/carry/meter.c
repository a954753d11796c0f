/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/meter.h"

#include "base/clock.h"
#include "base/thread.h"
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <search.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of a run that opens ever more; later connections are not counted. */
#define OPEN_MAX 65536
/* As much as is granted: what does not fit is lost. */
#define BUFFER_BYTES (4 << 20)
/* A socket's end is told a moment after it; on a machine that is busy with nine hundred of them, all within 400 ms. */
#define PATIENCE_MS 1000
#define QUIET_MS 200
#define QUIET_AFTER_LOSS_MS 50
/* The ends of few are taken together, rather than one by one in the way of the calls that follow; of many, which
 * could overflow the buffer meanwhile, at once. */
#define BATCH_MS 5
#define FEW 100
/* <netinet/tcp.h>, which has these, has an older struct tcp_info. */
enum state { ESTABLISHED = 1, TIME_WAIT = 6, CLOSE_WAIT = 8, LISTEN = 10, NEW_SYN_RECV = 12 };
/* They have no figures. */
#define BARE_STATES (1u << TIME_WAIT | 1u << LISTEN | 1u << NEW_SYN_RECV)

struct open_socket {
	uint64_t cookie; /* the kernel's number of the socket: never used again */
	uint32_t row;
	bool alive; /* was there when last looked at, with: */
	struct net_bytes bytes;
};

struct meter {
	int events_fd, questions_fd; /* owned */
	pthread_mutex_t lock;	     /* guards what follows, and taking from both */
	void *open; /* tree of struct open_socket, by cookie */
	size_t n, n_alive;
	bool has_thread, listens, lost;
	struct net_bytes rows[NET_ROWS_MAX];
};

static int compare(const void *x, const void *y)
{
	const struct open_socket *a = x, *b = y;

	return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

static uint64_t cookie_of(const struct nlmsghdr *header)
{
	const struct inet_diag_msg *said = NLMSG_DATA(header);

	return said->id.idiag_cookie[0] | (uint64_t)said->id.idiag_cookie[1] << 32;
}

static struct open_socket *find(const struct meter *m, uint64_t cookie)
{
	const struct open_socket key = {.cookie = cookie};
	struct open_socket **at = tfind(&key, &m->open, compare);

	return at ? *at : NULL;
}

static void listen_to(struct meter *m, bool listens)
{
	static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
	int option = listens ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;

	if (m->listens == listens)
		return;
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		(void)setsockopt(m->events_fd, SOL_NETLINK, option, &groups[i], sizeof(groups[i]));
	m->listens = listens;
}

static void add_up(struct meter *m, const struct open_socket *s)
{
	struct net_bytes *row = &m->rows[s->row < NET_ROWS_MAX ? s->row : 0];

	row->sent += s->bytes.sent;
	row->received += s->bytes.received;
}

static void forget(struct meter *m, struct open_socket *s)
{
	(void)tdelete(s, &m->open, compare);
	m->n--;
	m->n_alive -= s->alive;
	free(s);
}

static struct net_bytes bytes_of(const struct tcp_info *info)
{
	uint64_t again = info->tcpi_bytes_retrans, sent = info->tcpi_bytes_sent;

	return (struct net_bytes){.sent = sent > again ? sent - again : 0,
				  .received = info->tcpi_bytes_received};
}

/* The kernel goes on with it, whoever has gone. Its own end waits there too, when it is closed. */
static uint64_t still_to_send(const struct tcp_info *info)
{
	bool is_closed = info->tcpi_state != ESTABLISHED && info->tcpi_state != CLOSE_WAIT;

	return info->tcpi_notsent_bytes - (info->tcpi_notsent_bytes > 0 && is_closed);
}

static bool read_info(const struct nlmsghdr *header, struct tcp_info *ret)
{
	const struct inet_diag_msg *said = NLMSG_DATA(header);
	struct rtattr *a = (struct rtattr *)(said + 1);

	for (int left = (int)NLMSG_PAYLOAD(header, sizeof(*said)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != INET_DIAG_INFO ||
		    RTA_PAYLOAD(a) < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(ret->tcpi_bytes_retrans))
			continue;
		memcpy(ret, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof(*ret) ? RTA_PAYLOAD(a) : sizeof(*ret));
		return true;
	}
	return false;
}

static void take_end(struct meter *m, const struct nlmsghdr *header)
{
	struct open_socket *s = find(m, cookie_of(header));
	struct tcp_info info;

	if (s) {
		if (read_info(header, &info))
			s->bytes = bytes_of(&info);
		add_up(m, s);
		forget(m, s);
	} else if (m->n == 0) {
		listen_to(m, false); /* not sooner: one connection after the other would have it asked for each time */
	}
}

static void take_life(struct meter *m, const struct nlmsghdr *header)
{
	struct open_socket *s = find(m, cookie_of(header));
	struct tcp_info info;

	if (!s || s->alive || !read_info(header, &info))
		return;
	s->bytes = bytes_of(&info);
	s->bytes.sent += still_to_send(&info);
	s->alive = true;
	m->n_alive++;
}

/* Returns false at the end of an answer. */
static bool take_all(struct meter *m, char *buffer, int size,
		     void (*take)(struct meter *, const struct nlmsghdr *))
{
	for (struct nlmsghdr *h = (void *)buffer; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return false;
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && NLMSG_PAYLOAD(h, 0) >= sizeof(struct inet_diag_msg))
			take(m, h);
	}
	return true;
}

/* The next message of the kernel's. Returns its size; -errno. */
static ssize_t receive(int fd, int flags, char *buffer, size_t size)
{
	struct sockaddr_nl from = {0};
	socklen_t length = sizeof(from);
	ssize_t n = recvfrom(fd, buffer, size, flags, (struct sockaddr *)&from, &length);

	if (n < 0)
		return -errno;
	return from.nl_pid == 0 ? n : 0;
}

static void take_events(struct meter *m)
{
	char buffer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;

	/* ENOBUFS: some were lost; what they ended is not found alive in the end. */
	while ((n = receive(m->events_fd, MSG_DONTWAIT, buffer, sizeof(buffer))) >= 0 || n == -ENOBUFS) {
		m->lost = m->lost || n == -ENOBUFS;
		if (n > 0)
			(void)take_all(m, buffer, (int)n, take_end);
	}
}

static bool wait_for_event(const struct meter *m, int64_t timeout_ms)
{
	struct pollfd fd = {.fd = m->events_fd, .events = POLLIN};

	return poll(&fd, 1, (int)timeout_ms) > 0;
}

static bool are_few(struct meter *m)
{
	bool few;

	pthread_mutex_lock(&m->lock);
	few = m->n <= FEW;
	pthread_mutex_unlock(&m->lock);
	return few;
}

static void *hear(void *data)
{
	const struct timespec batch = {.tv_nsec = BATCH_MS * 1000000};
	struct meter *m = data;

	for (;;) {
		if (!wait_for_event(m, -1))
			continue;
		if (are_few(m))
			(void)nanosleep(&batch, NULL);
		pthread_mutex_lock(&m->lock);
		take_events(m);
		pthread_mutex_unlock(&m->lock);
	}
	return NULL;
}

/* Which of them are alive, and what they have carried? Returns false when there is no answer. */
static bool look(struct meter *m, uint8_t family)
{
	char buffer[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} question = {
		.header = {.nlmsg_len = sizeof(question),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = family,
			    .sdiag_protocol = IPPROTO_TCP,
			    .idiag_ext = 1 << (INET_DIAG_INFO - 1),
			    .idiag_states = ~BARE_STATES},
	};
	ssize_t n;

	if (send(m->questions_fd, &question, sizeof(question), 0) < 0)
		return false;
	while ((n = receive(m->questions_fd, 0, buffer, sizeof(buffer))) >= 0)
		if (!take_all(m, buffer, (int)n, take_life))
			return ((const struct nlmsghdr *)buffer)->nlmsg_type != NLMSG_ERROR;
	return false;
}

static int open_socket(int *ret)
{
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	const int size = BUFFER_BYTES;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	*ret = TAKE_FD(fd);
	return 0;
}

static void meter_free(struct meter *m)
{
	if (!m)
		return;
	close_keep_errno(m->events_fd);
	close_keep_errno(m->questions_fd);
	free(m);
}

int meter_new(struct meter **ret)
{
	struct meter *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->events_fd = m->questions_fd = -EBADF;
	pthread_mutex_init(&m->lock, NULL);
	r = open_socket(&m->events_fd);
	if (r == 0)
		r = open_socket(&m->questions_fd);
	if (r < 0) {
		meter_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

/* Under the lock: with the first connection there is a thread. */
static bool begin_listening(struct meter *m)
{
	if (!m->has_thread)
		m->has_thread = thread_detached(hear, m) == 0;
	if (m->has_thread)
		listen_to(m, true);
	return m->has_thread;
}

void meter_add(struct meter *m, int socket_fd, uint32_t row)
{
	cleanup_free struct open_socket *s = calloc(1, sizeof(*s));
	socklen_t size = sizeof(s->cookie);

	if (!s || getsockopt(socket_fd, SOL_SOCKET, SO_COOKIE, &s->cookie, &size) < 0)
		return;
	s->row = row;
	pthread_mutex_lock(&m->lock);
	if (m->n < OPEN_MAX && begin_listening(m) && tsearch(s, &m->open, compare)) {
		m->n++;
		s = NULL; /* the tree's */
	}
	pthread_mutex_unlock(&m->lock);
}

/* Dissolved, it forgets its figures. */
void meter_end(struct meter *m, int socket_fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info), cookie_size = sizeof(uint64_t);
	struct open_socket *s;
	uint64_t cookie;

	if (getsockopt(socket_fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_size) < 0 ||
	    getsockopt(socket_fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return;
	pthread_mutex_lock(&m->lock);
	s = find(m, cookie);
	if (s) {
		s->bytes = bytes_of(&info);
		add_up(m, s);
		forget(m, s);
	}
	pthread_mutex_unlock(&m->lock);
}

/* IPv6 may be missing. */
static bool look_at_all(struct meter *m)
{
	bool four = look(m, AF_INET), six = look(m, AF_INET6);

	return four || six;
}

void meter_finish(struct meter *m, struct net_bytes ret[NET_ROWS_MAX])
{
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;

	pthread_mutex_lock(&m->lock);
	take_events(m);
	if (m->n > 0 && look_at_all(m))
		while (m->n > m->n_alive && clock_monotonic_ms() < end_ms &&
		       wait_for_event(m, m->lost ? QUIET_AFTER_LOSS_MS : QUIET_MS))
			take_events(m);
	while (m->open) {
		struct open_socket *s = *(struct open_socket **)m->open;

		add_up(m, s);
		forget(m, s);
	}
	listen_to(m, false);
	memcpy(ret, m->rows, sizeof(m->rows));
	pthread_mutex_unlock(&m->lock);
}
