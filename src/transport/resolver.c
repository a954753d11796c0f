/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/resolver.h"

#include "transport/upstream.h"
#include <string.h>
#include <sys/socket.h>

#define CLASS_IN 1
#define CLIENT_IDLE_MS 10000
/* A program asks for both kinds of address: what a person said about one holds for the other. */
#define PAIR_MS 2000

/* A connection to the TCP port; one question at a time. */
struct client {
	int fd; /* owned; -EBADF: free */
	uint64_t number;
	int64_t until_ms;
	size_t polled; /* where in resolver_poll()'s array; 0: not */
	size_t used;
	uint8_t bytes[2 + DNS_QUERY_MAX];
};

enum lookup_state { LOOKUP_FREE, LOOKUP_ASKED, LOOKUP_OUTSIDE };

struct lookup {
	enum lookup_state state;
	struct dns_query query;
	uint64_t question; /* LOOKUP_ASKED */
	bool once;
	struct upstream upstream; /* LOOKUP_OUTSIDE */
	size_t polled;		  /* as above */
	struct sockaddr_in from;  /* UDP */
	uint64_t client;	  /* TCP: its number; 0: UDP */
};

struct verdict_kept {
	enum consent_verdict verdict;
	uint16_t type;
	int64_t until_ms;
	char name[NET_NAME_SIZE];
};

struct resolver {
	struct resolver_config config;
	struct lookup lookups[RESOLVER_LOOKUPS_MAX];
	struct client clients[RESOLVER_CLIENTS_MAX];
	uint64_t last_client;
	size_t n_outside; /* lookups in that state: mostly none, and each packet comes by here */
	struct verdict_kept last;
};

struct resolver *resolver_new(const struct resolver_config *config)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->config = *config;
	for (size_t i = 0; i < RESOLVER_LOOKUPS_MAX; i++)
		r->lookups[i].upstream.fd = -EBADF;
	for (size_t i = 0; i < RESOLVER_CLIENTS_MAX; i++)
		r->clients[i].fd = -EBADF;
	return r;
}

static void end_client(struct client *c)
{
	close_keep_errno(TAKE_FD(c->fd));
	c->number = 0;
	c->used = 0;
}

static void reply(struct resolver *r, const struct lookup *l, enum dns_code code,
		  const struct dns_answer *answer)
{
	uint8_t message[2 + DNS_ANSWER_MAX];
	size_t max = l->client ? DNS_ANSWER_MAX : l->query.udp_bytes;
	size_t n = dns_answer_make(&l->query, code, answer, max, message + 2);

	/* The sandbox's own sockets: whoever asked may have gone. */
	if (!l->client) {
		(void)!sendto(r->config.udp_fd, message + 2, n, MSG_NOSIGNAL | MSG_DONTWAIT,
			      (const struct sockaddr *)&l->from, sizeof(l->from));
		return;
	}
	message[0] = (uint8_t)(n >> 8);
	message[1] = (uint8_t)n;
	for (size_t i = 0; i < RESOLVER_CLIENTS_MAX; i++)
		if (r->clients[i].number == l->client &&
		    send(r->clients[i].fd, message, n + 2, MSG_NOSIGNAL | MSG_DONTWAIT) !=
			    (ssize_t)n + 2)
			end_client(&r->clients[i]);
}

static void end_lookup(struct resolver *r, struct lookup *l)
{
	r->n_outside -= l->state == LOOKUP_OUTSIDE;
	upstream_done(&l->upstream);
	*l = (struct lookup){.upstream.fd = -EBADF};
}

/* DNS rebinding: a public name must not open what is near the user. */
static bool may_lead_to(const struct resolver *r, const struct net_address *address)
{
	switch (net_address_place(address)) {
	case NET_PUBLIC:
		return true;
	case NET_PRIVATE:
		return r->config.private_names;
	case NET_LOOPBACK:
	case NET_METADATA:
	case NET_UNUSABLE:
		break;
	}
	return false;
}

/* The judge first: who hears of an address may connect at once, past us. */
static void keep_name(struct resolver *r, const struct lookup *l, const struct net_address *address,
		      uint32_t seconds, int64_t now_ms)
{
	struct net_question told = {.kind = NET_TELL_NAME,
				    .family = (uint16_t)address->family,
				    .n_names = 1,
				    .consented = l->once,
				    .seconds = seconds};

	memcpy(told.address, &address->v6, address->family == AF_INET ? 4 : 16);
	memcpy(told.names[0], l->query.name, NET_NAME_SIZE);
	judge_tell(r->config.judge, &told);
	names_add(r->config.names, address, l->query.name, seconds, l->once, now_ms);
}

static void finish(struct resolver *r, struct lookup *l, struct dns_answer *answer, int64_t now_ms)
{
	size_t kept = 0;
	bool nothing;

	for (size_t i = 0; i < answer->n_addresses; i++) {
		struct net_address real = net_address_real(&answer->addresses[i]);

		if (!may_lead_to(r, &answer->addresses[i]))
			continue;
		keep_name(r, l, &real, answer->seconds, now_ms);
		answer->addresses[kept++] = answer->addresses[i];
	}
	/* Nothing of it may be reached: as if the name were not there. */
	nothing = answer->n_addresses > 0 && kept == 0;
	answer->n_addresses = kept;
	reply(r, l, nothing ? DNS_NO_NAME : answer->code, nothing ? NULL : answer);
	end_lookup(r, l);
}

static void fail(struct resolver *r, struct lookup *l, enum dns_code code)
{
	reply(r, l, code, NULL);
	end_lookup(r, l);
}

static void look_outside(struct resolver *r, struct lookup *l, int64_t now_ms)
{
	struct dns_answer answer;

	/* The table has no services. Where they lead is looked up, and judged, by itself. */
	if (l->query.type != DNS_SRV &&
	    host_names_find(r->config.host, l->query.name, l->query.type, &answer)) {
		finish(r, l, &answer, now_ms);
		return;
	}
	l->state = LOOKUP_OUTSIDE;
	r->n_outside++;
	if (upstream_start(&l->upstream, r->config.host, l->query.name, l->query.type, now_ms) !=
	    UPSTREAM_WAITS)
		fail(r, l, DNS_FAILED);
}

static void use_verdict(struct resolver *r, struct lookup *l, enum consent_verdict verdict,
			int64_t now_ms)
{
	if (verdict == CONSENT_ALLOW)
		look_outside(r, l, now_ms);
	else
		fail(r, l, DNS_NO_NAME);
}

static bool was_just_judged(const struct resolver *r, const struct lookup *l, int64_t now_ms)
{
	return now_ms < r->last.until_ms && r->last.type != l->query.type &&
	       strcmp(r->last.name, l->query.name) == 0;
}

static void keep_verdict(struct resolver *r, const struct lookup *l, enum consent_verdict verdict,
			 int64_t now_ms)
{
	r->last = (struct verdict_kept){
		.verdict = verdict, .type = l->query.type, .until_ms = now_ms + PAIR_MS};
	memcpy(r->last.name, l->query.name, sizeof(r->last.name));
}

void resolver_doubt(struct resolver *r)
{
	r->last.until_ms = 0;
}

/* The question that is open about this name; 0: none. */
static uint64_t open_question(const struct resolver *r, const struct lookup *l)
{
	for (size_t i = 0; i < RESOLVER_LOOKUPS_MAX; i++)
		if (r->lookups[i].state == LOOKUP_ASKED &&
		    strcmp(r->lookups[i].query.name, l->query.name) == 0)
			return r->lookups[i].question;
	return 0;
}

static void take_servers(struct resolver *r)
{
	cleanup_close int fd = judge_takes_servers(r->config.judge);

	if (fd >= 0)
		host_names_read_servers(r->config.host, fd);
}

static void judge_name(struct resolver *r, struct lookup *l, int64_t now_ms)
{
	struct net_question question = {.kind = NET_ASK_NAME, .n_names = 1};
	enum consent_verdict verdict = r->last.verdict;
	uint32_t none;

	if (was_just_judged(r, l, now_ms)) {
		r->last.until_ms = 0;
		l->once = verdict == CONSENT_ALLOW;
		use_verdict(r, l, verdict, now_ms);
		return;
	}
	l->question = open_question(r, l);
	if (l->question) {
		l->state = LOOKUP_ASKED;
		return;
	}
	memcpy(question.names[0], l->query.name, NET_NAME_SIZE);
	verdict = judge_decide(r->config.judge, &question, &none);
	take_servers(r);
	if (verdict == CONSENT_ASK) {
		l->state = LOOKUP_ASKED;
		l->question = question.id;
		return;
	}
	if (verdict == CONSENT_DENY)
		keep_verdict(r, l, verdict, now_ms);
	use_verdict(r, l, verdict, now_ms);
}

void resolver_answered(struct resolver *r, uint64_t question, enum consent_verdict verdict,
		       int64_t now_ms)
{
	for (size_t i = 0; i < RESOLVER_LOOKUPS_MAX; i++) {
		struct lookup *l = &r->lookups[i];

		if (l->state != LOOKUP_ASKED || l->question != question)
			continue;
		l->once = verdict == CONSENT_ALLOW;
		keep_verdict(r, l, verdict, now_ms);
		use_verdict(r, l, verdict, now_ms);
	}
}

/* The name that led the sandbox to an address. Nothing is asked outside: whom an address belongs
 * to says who is being spoken to, and its owner decides what the answer is. */
static void lead_back(struct resolver *r, const struct lookup *l, int64_t now_ms)
{
	struct dns_answer answer = {.seconds = NAMES_SECONDS_MIN};
	struct net_question known = {0};
	struct net_address address;

	if (dns_reverse_parse(l->query.name, &address))
		names_tell(r->config.names, now_ms, &address, &known);
	if (known.n_names)
		memcpy(answer.pointer, known.names[0], sizeof(answer.pointer));
	reply(r, l, known.n_names ? DNS_OK : DNS_NO_NAME, &answer);
}

/* @l: a copy with whom to answer; a place in the table is taken if it is to wait. */
static void take_query(struct resolver *r, const struct lookup *from, const uint8_t *bytes,
		       size_t size, int64_t now_ms)
{
	struct lookup refused = *from, *l = NULL;
	int code = dns_query_parse(bytes, size, &refused.query);

	if (code < 0)
		return;
	if (code == 0 && (refused.query.class != CLASS_IN || !refused.query.name[0]))
		code = DNS_REFUSED;
	for (size_t i = 0; code == 0 && !l && i < RESOLVER_LOOKUPS_MAX; i++)
		if (r->lookups[i].state == LOOKUP_FREE)
			l = &r->lookups[i];
	if (code == 0 && !l)
		code = DNS_FAILED;
	if (code > 0) {
		reply(r, &refused, code, NULL);
		return;
	}
	switch (refused.query.type) {
	case DNS_A:
	case DNS_AAAA:
	case DNS_SRV:
		*l = refused;
		judge_name(r, l, now_ms);
		return;
	case DNS_PTR:
		lead_back(r, &refused, now_ms);
		return;
	}
	/* Of other kinds nothing is asked outside: text and mail, that is, whatever one likes. */
	reply(r, &refused, DNS_OK, NULL);
}

static void receive_udp(struct resolver *r, int64_t now_ms)
{
	uint8_t bytes[DNS_QUERY_MAX + 1];

	for (size_t i = 0; i < RESOLVER_LOOKUPS_MAX; i++) {
		struct lookup from = {.upstream.fd = -EBADF};
		socklen_t size = sizeof(from.from);
		ssize_t n = recvfrom(r->config.udp_fd, bytes, sizeof(bytes), MSG_DONTWAIT,
				     (struct sockaddr *)&from.from, &size);

		if (n < 0)
			return;
		if (n <= DNS_QUERY_MAX)
			take_query(r, &from, bytes, (size_t)n, now_ms);
	}
}

static void accept_client(struct resolver *r, int64_t now_ms)
{
	int fd = accept4(r->config.tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < RESOLVER_CLIENTS_MAX; i++) {
		struct client *c = &r->clients[i];

		if (c->fd >= 0)
			continue;
		c->fd = TAKE_FD(fd);
		c->number = ++r->last_client;
		c->until_ms = now_ms + CLIENT_IDLE_MS;
		c->used = 0;
	}
	close_keep_errno(fd);
}

static void receive_tcp(struct client *c)
{
	ssize_t n = recv(c->fd, c->bytes + c->used, sizeof(c->bytes) - c->used, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		end_client(c);
	else
		c->used += (size_t)n;
}

/* Is a whole query there? Its size in @ret. */
static bool has_query(const struct client *c, size_t *ret)
{
	*ret = c->used < 2 ? 0 : (size_t)(c->bytes[0] << 8 | c->bytes[1]);
	return c->used >= 2 && c->used >= *ret + 2;
}

static bool waits_for_answer(const struct resolver *r, const struct client *c)
{
	for (size_t i = 0; i < RESOLVER_LOOKUPS_MAX; i++)
		if (r->lookups[i].state != LOOKUP_FREE && r->lookups[i].client == c->number)
			return true;
	return false;
}

/* One after the other: libc sends two at once. */
static void take_queries(struct resolver *r, struct client *c, int64_t now_ms)
{
	uint8_t query[DNS_QUERY_MAX];
	size_t size;

	while (c->fd >= 0 && !waits_for_answer(r, c) && has_query(c, &size)) {
		struct lookup from = {.upstream.fd = -EBADF, .client = c->number};

		memcpy(query, c->bytes + 2, size);
		c->used -= size + 2;
		memmove(c->bytes, c->bytes + 2 + size, c->used);
		c->until_ms = now_ms + CLIENT_IDLE_MS;
		take_query(r, &from, query, size, now_ms);
	}
	if (c->fd >= 0 && !has_query(c, &size) && size > DNS_QUERY_MAX)
		end_client(c);
}

static void bound(int64_t until_ms, int64_t now_ms, int *timeout_ms)
{
	int64_t left = until_ms > now_ms ? until_ms - now_ms : 0;

	if (*timeout_ms < 0 || left < *timeout_ms)
		*timeout_ms = (int)left;
}

size_t resolver_poll(struct resolver *r, struct pollfd ret[RESOLVER_POLL_MAX], int64_t now_ms,
		     int *timeout_ms)
{
	size_t n = 0;

	ret[n++] = (struct pollfd){.fd = r->config.udp_fd, .events = POLLIN};
	ret[n++] = (struct pollfd){.fd = r->config.tcp_fd, .events = POLLIN};
	for (size_t i = 0; i < RESOLVER_CLIENTS_MAX; i++) {
		struct client *c = &r->clients[i];
		bool waits = c->fd >= 0 && waits_for_answer(r, c);
		size_t size;

		c->polled = 0;
		if (c->fd < 0 || waits)
			continue;
		c->polled = n;
		ret[n++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
		bound(has_query(c, &size) ? now_ms : c->until_ms, now_ms, timeout_ms);
	}
	for (size_t i = 0; r->n_outside > 0 && i < RESOLVER_LOOKUPS_MAX; i++) {
		struct lookup *l = &r->lookups[i];

		l->polled = 0;
		if (l->state != LOOKUP_OUTSIDE)
			continue;
		l->polled = n;
		ret[n++] = (struct pollfd){.fd = l->upstream.fd,
					   .events = upstream_events(&l->upstream)};
		bound(l->upstream.until_ms, now_ms, timeout_ms);
	}
	return n;
}

static void step_lookup(struct resolver *r, struct lookup *l, short events, int64_t now_ms)
{
	struct dns_answer answer;

	switch (upstream_step(&l->upstream, events, now_ms, &answer)) {
	case UPSTREAM_WAITS:
		return;
	case UPSTREAM_ANSWERED:
		finish(r, l, &answer, now_ms);
		return;
	case UPSTREAM_FAILED:
		fail(r, l, DNS_FAILED);
		return;
	}
}

void resolver_step(struct resolver *r, const struct pollfd *fds, int64_t now_ms)
{
	for (size_t i = 0; r->n_outside > 0 && i < RESOLVER_LOOKUPS_MAX; i++)
		if (r->lookups[i].state == LOOKUP_OUTSIDE && r->lookups[i].polled)
			step_lookup(r, &r->lookups[i], fds[r->lookups[i].polled].revents, now_ms);
	for (size_t i = 0; i < RESOLVER_CLIENTS_MAX; i++) {
		struct client *c = &r->clients[i];

		if (c->polled && fds[c->polled].revents)
			receive_tcp(c);
		take_queries(r, c, now_ms);
		if (c->fd >= 0 && now_ms >= c->until_ms && !waits_for_answer(r, c))
			end_client(c);
	}
	if (fds[0].revents)
		receive_udp(r, now_ms);
	if (fds[1].revents)
		accept_client(r, now_ms);
}
