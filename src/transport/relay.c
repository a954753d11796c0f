/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/relay.h"

#include "network/policy.h"
#include <string.h>

#define BUFFER_BYTES 65536
#define NOT_POLLED SIZE_MAX

enum side { INNER, OUTER };

/* What was read from one side and not yet written to the other. */
struct half {
	uint8_t bytes[BUFFER_BYTES];
	size_t at, used;
	bool ended;  /* no more will come */
	bool passed; /* and the other side has been told */
};

struct relay {
	int fds[2]; /* owned; -EBADF: free */
	bool connecting;
	struct half *from; /* owned; two */
	uint32_t row; /* of the judge's account */
	size_t polled[2];
};

struct relays {
	struct judge *judge;
	struct {
		int fd; /* owned */
		uint16_t port;
		size_t polled;
	} listeners[NET_LOOPBACK_MAX];
	size_t n_listeners;
	struct relay all[RELAYS_MAX];
	size_t n;
};

struct relays *relays_new(struct judge *judge)
{
	struct relays *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->judge = judge;
	for (size_t i = 0; i < RELAYS_MAX; i++)
		r->all[i].fds[INNER] = r->all[i].fds[OUTER] = -EBADF;
	return r;
}

static void end(struct relays *r, struct relay *relay)
{
	close_keep_errno(TAKE_FD(relay->fds[INNER]));
	close_keep_errno(TAKE_FD(relay->fds[OUTER]));
	free(TAKE_PTR(relay->from));
	r->n--;
}

void relays_listen(struct relays *r, int fd, uint16_t port)
{
	if (r->n_listeners == NET_LOOPBACK_MAX) {
		close_keep_errno(fd);
		return;
	}
	r->listeners[r->n_listeners].fd = fd;
	r->listeners[r->n_listeners++].port = port;
}

static short wanted(const struct relay *relay, enum side side)
{
	const struct half *in = &relay->from[side], *out = &relay->from[!side];

	if (relay->connecting)
		return side == OUTER ? POLLOUT : 0;
	return (short)((!in->ended && in->used == 0 ? POLLIN : 0) | (out->used ? POLLOUT : 0));
}

size_t relays_poll(struct relays *r, struct pollfd ret[RELAY_POLL_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_listeners; i++) {
		r->listeners[i].polled = r->n < RELAYS_MAX ? n : NOT_POLLED;
		if (r->n < RELAYS_MAX)
			ret[n++] = (struct pollfd){.fd = r->listeners[i].fd, .events = POLLIN};
	}
	for (size_t i = 0; r->n > 0 && i < RELAYS_MAX; i++) {
		struct relay *relay = &r->all[i];

		for (int side = INNER; side <= OUTER; side++) {
			short events = relay->fds[INNER] < 0 ? 0 : wanted(relay, side);

			relay->polled[side] = events ? n : NOT_POLLED;
			if (events)
				ret[n++] = (struct pollfd){.fd = relay->fds[side], .events = events};
		}
	}
	return n;
}

/* The rules may have changed since it began to listen. */
static bool is_allowed(struct relays *r, uint16_t port, uint32_t *ret_row)
{
	struct net_question q = {.kind = NET_ASK_TARGET,
				 .protocol = NET_TCP,
				 .family = AF_INET,
				 .port = port,
				 .address = {127, 0, 0, 1}};

	return judge_decide(r->judge, &q, ret_row) == CONSENT_ALLOW;
}

static int open_outer(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		return -errno;
	return TAKE_FD(fd);
}

static void begin(struct relays *r, int listener_fd, uint16_t port)
{
	cleanup_close int inner_fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	cleanup_close int outer_fd = -EBADF;
	/* As a refused connection, as far as that still goes. */
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct relay *relay = r->all;
	uint32_t row;

	if (inner_fd < 0)
		return;
	(void)setsockopt(inner_fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	outer_fd = is_allowed(r, port, &row) ? open_outer(port) : -EACCES;
	if (outer_fd < 0)
		return;
	while (relay->fds[INNER] >= 0)
		relay++; /* there is a free one: the listener was polled */
	relay->from = calloc(2, sizeof(*relay->from));
	if (!relay->from)
		return;
	relay->fds[INNER] = TAKE_FD(inner_fd);
	relay->fds[OUTER] = TAKE_FD(outer_fd);
	relay->connecting = true;
	relay->row = row;
	relay->polled[INNER] = relay->polled[OUTER] = NOT_POLLED;
	r->n++;
}

static bool is_connected(struct relay *relay)
{
	struct linger plain = {0};
	int error = 0;
	socklen_t size = sizeof(error);

	relay->connecting = false;
	return getsockopt(relay->fds[OUTER], SOL_SOCKET, SO_ERROR, &error, &size) == 0 && !error &&
	       setsockopt(relay->fds[INNER], SOL_SOCKET, SO_LINGER, &plain, sizeof(plain)) == 0;
}

static bool would_wait(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* From @side to the other. Returns false when the connection is broken. */
static bool pass(struct relays *r, struct relay *relay, enum side side, bool readable)
{
	struct half *h = &relay->from[side];
	ssize_t n;

	if (readable && h->used == 0 && !h->ended) {
		n = recv(relay->fds[side], h->bytes, sizeof(h->bytes), 0);
		if (n < 0 && !would_wait())
			return false;
		h->at = 0;
		h->used = n > 0 ? (size_t)n : 0;
		h->ended = n == 0;
	}
	if (h->used) {
		n = send(relay->fds[!side], h->bytes + h->at, h->used, MSG_NOSIGNAL);
		if (n < 0 && !would_wait())
			return false;
		n = n > 0 ? n : 0;
		h->at += (size_t)n;
		h->used -= (size_t)n;
		judge_count(r->judge, relay->row, side == INNER ? (size_t)n : 0,
			    side == OUTER ? (size_t)n : 0);
	}
	if (h->ended && !h->used && !h->passed) {
		h->passed = true;
		return shutdown(relay->fds[!side], SHUT_WR) == 0;
	}
	return true;
}

static short events_of(const struct relay *relay, enum side side, const struct pollfd *fds)
{
	return relay->polled[side] == NOT_POLLED ? 0 : fds[relay->polled[side]].revents;
}

static void step(struct relays *r, struct relay *relay, const struct pollfd *fds)
{
	short inner = events_of(relay, INNER, fds), outer = events_of(relay, OUTER, fds);
	bool goes_on = true;

	if (!inner && !outer)
		return;
	if (relay->connecting)
		goes_on = is_connected(relay);
	else
		goes_on = pass(r, relay, INNER, inner & (POLLIN | POLLHUP | POLLERR)) &&
			  pass(r, relay, OUTER, outer & (POLLIN | POLLHUP | POLLERR));
	if (!goes_on || (relay->from[INNER].passed && relay->from[OUTER].passed))
		end(r, relay);
}

void relays_step(struct relays *r, const struct pollfd *fds)
{
	for (size_t i = 0; r->n > 0 && i < RELAYS_MAX; i++)
		if (r->all[i].fds[INNER] >= 0)
			step(r, &r->all[i], fds);
	for (size_t i = 0; i < r->n_listeners; i++)
		if (r->listeners[i].polled != NOT_POLLED && fds[r->listeners[i].polled].revents &&
		    r->n < RELAYS_MAX)
			begin(r, r->listeners[i].fd, r->listeners[i].port);
}
