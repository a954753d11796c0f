/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/upstream.h"

#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

void upstream_done(struct upstream *u)
{
	close_keep_errno(TAKE_FD(u->fd));
	free(TAKE_PTR(u->buffer));
}

/* A socket a try: its port, and an id nobody can guess, are what tells an answer from a lie. */
static int send_one(struct upstream *u)
{
	const struct host_names *h = u->host;
	size_t server = u->tries % h->n_servers;
	const struct sockaddr *to = &h->servers[server].any;
	socklen_t size = to->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						  : sizeof(struct sockaddr_in6);
	uint8_t message[DNS_QUERY_MAX];
	size_t n;

	upstream_done(u);
	u->sent = false;
	u->used = 0;
	if (getrandom(&u->id, sizeof(u->id), 0) != sizeof(u->id))
		return -EAGAIN;
	u->fd = socket(to->sa_family, (u->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0 || (connect(u->fd, to, size) < 0 && errno != EINPROGRESS))
		return -errno;
	if (u->tcp) {
		u->buffer = malloc(UPSTREAM_TCP_MAX);
		return u->buffer ? 0 : -ENOMEM;
	}
	n = dns_query_make(u->id, u->name, u->type, message);
	u->sent = n > 0 && send(u->fd, message, n, MSG_NOSIGNAL) == (ssize_t)n;
	return u->sent ? 0 : -EIO;
}

/* The next server, until all had their turns. */
static enum upstream_state try_next(struct upstream *u, int64_t now_ms)
{
	for (; u->tries < UPSTREAM_ROUNDS * u->host->n_servers; u->tries++) {
		if (send_one(u) < 0)
			continue;
		u->until_ms = now_ms + UPSTREAM_TRY_MS;
		return UPSTREAM_WAITS;
	}
	upstream_done(u);
	return UPSTREAM_FAILED;
}

enum upstream_state upstream_start(struct upstream *u, const struct host_names *host,
				   const char *name, uint16_t type, int64_t now_ms)
{
	u->host = host;
	u->name = name;
	u->type = type;
	return try_next(u, now_ms);
}

static enum upstream_state give_up_try(struct upstream *u, int64_t now_ms)
{
	u->tries++;
	u->tcp = false;
	return try_next(u, now_ms);
}

short upstream_events(const struct upstream *u)
{
	return u->tcp && !u->sent ? POLLOUT : POLLIN;
}

static enum upstream_state take_answer(struct upstream *u, const uint8_t *bytes, size_t size,
				       int64_t now_ms, struct dns_answer *ret)
{
	/* By UDP, what is not an answer to this may come from anybody: the right one may follow. */
	if (dns_answer_parse(bytes, size, u->id, u->name, u->type, ret) < 0)
		return u->tcp ? give_up_try(u, now_ms) : UPSTREAM_WAITS;
	if (ret->cut && !u->tcp) {
		u->tcp = true;
		return try_next(u, now_ms);
	}
	if (ret->cut || (ret->code != DNS_OK && ret->code != DNS_NO_NAME))
		return give_up_try(u, now_ms);
	upstream_done(u);
	return UPSTREAM_ANSWERED;
}

static enum upstream_state step_udp(struct upstream *u, int64_t now_ms, struct dns_answer *ret)
{
	uint8_t message[DNS_UDP_BYTES + 1];
	ssize_t n = recv(u->fd, message, sizeof(message), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return UPSTREAM_WAITS;
	if (n < 0)
		return give_up_try(u, now_ms);
	return take_answer(u, message, (size_t)n, now_ms, ret);
}

static int send_tcp(struct upstream *u)
{
	uint8_t message[2 + DNS_QUERY_MAX];
	size_t n = dns_query_make(u->id, u->name, u->type, message + 2);

	message[0] = (uint8_t)(n >> 8);
	message[1] = (uint8_t)n;
	u->sent = send(u->fd, message, n + 2, MSG_NOSIGNAL) == (ssize_t)n + 2;
	return u->sent ? 0 : -EIO;
}

static enum upstream_state step_tcp(struct upstream *u, int64_t now_ms, struct dns_answer *ret)
{
	ssize_t n;
	size_t size;

	if (!u->sent)
		return send_tcp(u) < 0 ? give_up_try(u, now_ms) : UPSTREAM_WAITS;
	n = recv(u->fd, u->buffer + u->used, UPSTREAM_TCP_MAX - u->used, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return UPSTREAM_WAITS;
	if (n <= 0)
		return give_up_try(u, now_ms);
	u->used += (size_t)n;
	if (u->used < 2)
		return UPSTREAM_WAITS;
	size = (size_t)(u->buffer[0] << 8 | u->buffer[1]);
	if (size + 2 > UPSTREAM_TCP_MAX || u->used > size + 2)
		return give_up_try(u, now_ms);
	if (u->used < size + 2)
		return UPSTREAM_WAITS;
	return take_answer(u, u->buffer + 2, size, now_ms, ret);
}

enum upstream_state upstream_step(struct upstream *u, short events, int64_t now_ms,
				  struct dns_answer *ret)
{
	if (events)
		return u->tcp ? step_tcp(u, now_ms, ret) : step_udp(u, now_ms, ret);
	return now_ms >= u->until_ms ? give_up_try(u, now_ms) : UPSTREAM_WAITS;
}
