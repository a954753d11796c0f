/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo-net: the network of one sandbox. Started by the launcher with two sockets (wire.h):
 * from the sandbox's init it gets the sandbox's tunnel and name server sockets; to whoever
 * holds the policy it puts its questions. Every flow is judged before anything of it goes
 * out. It ends with either. Not for people; docs/ARCHITECTURE.md, Network.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "transport/flows.h"
#include "transport/inner.h"
#include "transport/link.h"
#include "transport/relay.h"
#include "transport/resolver.h"
#include "transport/seal.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

/* Packets taken from the tunnel before the sockets get their turn. */
#define BURST 64
#define SMALL 512

enum fixed { FIXED_TUNNEL, FIXED_JUDGE, FIXED_OTHERS };

struct net {
	struct judge judge;
	struct net_setup setup;
	struct net_handover handover;
	int fds[NET_HANDOVER_FDS]; /* owned */
	struct host_names host;
	struct names *names;
	struct flows *flows;
	struct resolver *resolver;
	struct relays *relays;
	struct link *link;
	struct {
		uint64_t question; /* 0: free */
		struct flow *flow;
	} asked[FLOWS_HELD_MAX];
	struct net_address inner, inner6;
};

static int receive_setup(struct net *n, struct appsilo_error *err)
{
	int none[FD_PASS_MAX];

	if (fd_receive(n->judge.fd, &n->setup, sizeof(n->setup), 0, none) != sizeof(n->setup) ||
	    n->setup.n_listen > NET_LISTEN_MAX)
		return error_say(err, -EPIPE, "network: whoever started it has gone");
	return 0;
}

/* Init ended before its network was there: its own line says why. */
static bool receive_handover(struct net *n, int socket_fd)
{
	int fds[FD_PASS_MAX];
	ssize_t size = fd_receive(socket_fd, &n->handover, sizeof(n->handover), 0, fds);

	for (size_t i = 0; i < NET_HANDOVER_FDS; i++)
		n->fds[i] = fds[i];
	return size == sizeof(n->handover) && fds[NET_HANDOVER_FDS - 1] >= 0;
}

/* Ports of the host's loopback, each with its listener in the sandbox. */
static int receive_loopback(struct net *n, int socket_fd, struct appsilo_error *err)
{
	n->relays = relays_new(&n->judge);
	if (!n->relays)
		return error_set(err, -ENOMEM, "network");
	for (uint32_t i = 0; i < n->handover.n_loopback; i++) {
		int fds[FD_PASS_MAX];
		uint16_t port;

		if (fd_receive(socket_fd, &port, sizeof(port), 0, fds) != sizeof(port))
			return error_say(err, -EPIPE, "network: the sandbox's init has gone");
		if (fds[0] >= 0)
			relays_listen(n->relays, fds[0], port);
	}
	return 0;
}

static bool is_source(const struct net *n, const struct net_address *source)
{
	return net_address_equal(source, &n->inner) || net_address_equal(source, &n->inner6);
}

/* What no policy opens by packets. The host's loopback above all: it is reached, where it is
 * exempted, by other means than this. */
static bool is_out_of_reach(const struct net_address *target)
{
	enum net_place place = net_address_place(target);

	/* Of the link itself libslirp would take some for its own services. */
	return inner_is_of_link(target) || (place != NET_PUBLIC && place != NET_PRIVATE);
}

static void let_through(struct net *n, struct flow *flow, const struct packet *p)
{
	judge_count(&n->judge, flow->row, flows_new_bytes(flow, FLOW_OUT, p), 0);
	link_forward(n->link, p->bytes, p->size);
}

static void refuse(struct net *n, const struct packet *p)
{
	uint8_t answer[PACKET_REFUSAL_MAX];

	link_answer(n->link, answer, packet_make_refusal(p, answer));
}

/* A person is not asked about what could not wait for the answer. */
static bool has_room(const struct net *n)
{
	for (size_t i = 0; i < FLOWS_HELD_MAX; i++)
		if (!n->asked[i].question)
			return true;
	return false;
}

static enum consent_verdict ask(struct net *n, const struct packet *p, bool full, int64_t now_ms,
				uint64_t *ret_id, uint32_t *ret_row)
{
	struct net_address real = net_address_real(&p->target);
	struct net_question q = {.kind = NET_ASK_TARGET,
				 .protocol = p->protocol,
				 .family = (uint16_t)p->target.family,
				 .port = p->target_port};
	enum consent_verdict verdict;

	memcpy(q.address, &p->target.v6, p->target.family == AF_INET ? 4 : 16);
	names_tell(n->names, now_ms, &real, &q);
	q.full = full;
	q.consented = names_use_once(n->names, now_ms, &real);
	verdict = judge_decide(&n->judge, &q, ret_row);
	*ret_id = q.id;
	return verdict;
}

/* Keep the packet until a person has answered. Its sender goes on trying, or gives up. */
static enum flow_state hold(struct net *n, struct flow *flow, const struct packet *p, uint64_t id)
{
	for (size_t i = 0; i < FLOWS_HELD_MAX; i++) {
		if (n->asked[i].question)
			continue;
		if (flows_hold(n->flows, flow, p) < 0)
			break;
		flow->question = id;
		n->asked[i].question = id;
		n->asked[i].flow = flow;
		return FLOW_ASKED;
	}
	return FLOW_DENIED;
}

static struct flow *judge_packet(struct net *n, const struct packet *p, bool full, int64_t now_ms)
{
	struct flow *flow = flows_add(n->flows, p, now_ms);
	enum consent_verdict verdict = CONSENT_DENY;
	uint64_t id = 0;

	if (!inner_is_of_link(&p->target))
		verdict = ask(n, p, full, now_ms, &id, &flow->row);
	if (verdict == CONSENT_ALLOW && !is_out_of_reach(&p->target))
		flow->state = FLOW_ALLOWED;
	else if (verdict == CONSENT_ASK)
		flow->state = hold(n, flow, p, id);
	return flow;
}

static void take_packet(struct net *n, const uint8_t *bytes, size_t size, int64_t now_ms)
{
	struct packet p;
	struct flow *flow;

	if (packet_parse(bytes, size, &p) < 0 || !is_source(n, &p.source))
		return;
	flow = flows_find(n->flows, &p, now_ms);
	if (!flow)
		flow = judge_packet(n, &p, !has_room(n), now_ms);
	switch (flow->state) {
	case FLOW_ALLOWED:
		let_through(n, flow, &p);
		return;
	case FLOW_DENIED:
		refuse(n, &p);
		return;
	case FLOW_ASKED:
	case FLOW_DOUBTED: /* not as it has just been judged */
		return;
	}
}

/* Somebody whom --publish lets in: libslirp opens connections to the sandbox only where it
 * listens for them. @reply: the packets that go back need no question of their own. */
static struct flow *judge_incoming(struct net *n, const struct packet *reply, int64_t now_ms)
{
	struct net_question q = {.kind = NET_ASK_IN, .port = reply->source_port};
	struct flow *flow = flows_add(n->flows, reply, now_ms);

	if (judge_decide(&n->judge, &q, &flow->row) == CONSENT_ALLOW)
		flow->state = FLOW_ALLOWED;
	return flow;
}

/* Returns false: to be dropped. Nobody is asked about what comes from outside. */
static bool take_inbound(void *data, const struct packet *in)
{
	struct net *n = data;
	struct packet reply = {.protocol = in->protocol,
			       .source = in->target,
			       .source_port = in->target_port,
			       .target = in->source,
			       .target_port = in->source_port,
			       .sequence = in->sequence};
	struct flow *flow = flows_look_up(n->flows, &reply);

	if (in->opens && !(flow && flow->opened_by == in->sequence))
		flow = judge_incoming(n, &reply, clock_monotonic_ms());
	else if (flow && flow->state == FLOW_DOUBTED)
		flow = judge_packet(n, &reply, true, clock_monotonic_ms());
	if (flow && flow->state == FLOW_DENIED && (in->opens || in->protocol != NET_TCP))
		return false;
	if (flow)
		judge_count(&n->judge, flow->row, 0, flows_new_bytes(flow, FLOW_IN, in));
	return true;
}

static void answered(struct net *n, const struct net_answer *answer, int64_t now_ms)
{
	resolver_answered(n->resolver, answer->id, answer->verdict, now_ms);
	for (size_t i = 0; i < FLOWS_HELD_MAX; i++) {
		struct flow *flow = n->asked[i].flow;
		cleanup_free uint8_t *held = NULL;
		struct packet p;
		size_t size;

		if (!n->asked[i].question || n->asked[i].question != answer->id)
			continue;
		n->asked[i].question = 0;
		if (flow->question != answer->id || flow->state != FLOW_ASKED)
			continue; /* another flow has its place by now */
		flow->state = answer->verdict == CONSENT_ALLOW && !is_out_of_reach(&flow->target)
				      ? FLOW_ALLOWED
				      : FLOW_DENIED;
		flow->row = answer->row;
		flow->used_ms = now_ms;
		held = flows_release(n->flows, flow, &size);
		if (!held || packet_parse(held, size, &p) < 0)
			continue;
		if (flow->state == FLOW_ALLOWED)
			let_through(n, flow, &p);
		else
			refuse(n, &p);
	}
}

/* Returns false when the sandbox has gone. */
static bool take_packets(struct net *n, int64_t now_ms)
{
	for (int i = 0; i < BURST; i++) {
		const uint8_t *bytes;
		ssize_t size = link_receive(n->link, &bytes);

		if (size < 0)
			return false;
		if (size == 0)
			break;
		take_packet(n, bytes, (size_t)size, now_ms);
		/* A request, as a rule, after which nothing comes before the answer. */
		if (size < SMALL)
			break;
	}
	return true;
}

static void take_answers(struct net *n, int64_t now_ms)
{
	struct net_answer answer;

	while (judge_next_late(&n->judge, &answer))
		if (answer.late)
			answered(n, &answer, now_ms);
	if (judge_takes_doubt(&n->judge)) {
		flows_doubt(n->flows);
		resolver_doubt(n->resolver);
	}
}

/* Returns false at the end. */
static bool turn(struct net *n)
{
	int64_t now_ms = clock_monotonic_ms();
	int timeout_ms = judge_has_news(&n->judge) ? 0 : -1;
	struct pollfd mine[RESOLVER_POLL_MAX + RELAY_POLL_MAX], *fds;
	size_t n_names = resolver_poll(n->resolver, mine, now_ms, &timeout_ms), n_fds;
	size_t n_mine = n_names + relays_poll(n->relays, mine + n_names);
	short tunnel, news;
	int r;

	fds = link_poll(n->link, FIXED_OTHERS + n_mine, &n_fds, &timeout_ms);
	if (!fds)
		return false;
	fds[FIXED_TUNNEL] = (struct pollfd){.fd = n->fds[NET_HANDOVER_TUNNEL], .events = POLLIN};
	fds[FIXED_JUDGE] = (struct pollfd){.fd = n->judge.fd, .events = POLLIN};
	memcpy(fds + FIXED_OTHERS, mine, n_mine * sizeof(*mine));
	r = poll(fds, n_fds, timeout_ms);
	if (r < 0 && errno != EINTR)
		return false;
	now_ms = clock_monotonic_ms();
	tunnel = r > 0 ? fds[FIXED_TUNNEL].revents : 0;
	news = r > 0 ? fds[FIXED_JUDGE].revents : 0;
	link_step(n->link, r < 0);
	memcpy(mine, fds + FIXED_OTHERS, n_mine * sizeof(*mine));
	resolver_step(n->resolver, mine, now_ms);
	relays_step(n->relays, mine + n_names);
	if (tunnel & POLLERR)
		return false;
	if (news || judge_has_news(&n->judge))
		take_answers(n, now_ms);
	return !tunnel || take_packets(n, now_ms);
}

static int prepare(struct net *n, struct appsilo_error *err)
{
	struct resolver_config config = {.udp_fd = n->fds[NET_HANDOVER_NAMES_UDP],
					 .tcp_fd = n->fds[NET_HANDOVER_NAMES_TCP],
					 .host = &n->host,
					 .judge = &n->judge,
					 .private_names = n->setup.private_names};
	int r;

	n->names = config.names = names_new();
	n->flows = flows_new();
	n->resolver = resolver_new(&config);
	if (!n->names || !n->flows || !n->resolver)
		return error_set(err, -ENOMEM, "network");
	n->inner = (struct net_address){.family = AF_INET, .v4.s_addr = htonl(NET_INNER_ADDRESS)};
	n->inner6.family = AF_INET6;
	if (inet_pton(AF_INET6, NET_INNER_ADDRESS6, &n->inner6.v6) != 1)
		return error_say(err, -EINVAL, "network: address");
	r = link_new(n->fds[NET_HANDOVER_TUNNEL], n->handover.has_ip6, take_inbound, n, &n->link, err);
	for (uint32_t i = 0; r == 0 && i < n->setup.n_listen; i++)
		r = link_publish(n->link, &n->setup.listen[i], err);
	return r;
}

int main(int argc, char **argv)
{
	static struct net n;
	struct appsilo_error err = {0};
	int r, init_fd;

	if (argc != 3) {
		log_error("appsilo-net is started by appsilo run");
		return 125;
	}
	signal(SIGPIPE, SIG_IGN);
	init_fd = atoi(argv[1]);
	n.judge.fd = atoi(argv[2]);
	n.judge.bytes_fd = n.judge.servers_fd = -EBADF;
	fd_raise_limit(); /* fewer only means fewer connections */
	host_names_read(&n.host);
	r = receive_setup(&n, &err);
	if (r == 0 && !receive_handover(&n, init_fd))
		return 0;
	if (r == 0)
		r = receive_loopback(&n, init_fd, &err);
	if (r == 0)
		r = prepare(&n, &err);
	if (r == 0 && (r = judge_share(&n.judge)) < 0)
		error_set(&err, r, "network: memory for counts");
	/* The user's terminal is not its to write to; closed, the number would be a socket's. */
	if (r == 0 && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		r = -errno;
	if (r == 0)
		r = net_seal(&err);
	if (r < 0) {
		log_error("%s; the sandbox has no network", err.line);
		return 125;
	}
	judge_begins(&n.judge);
	/* From here on the app may start; init need not wait for it. */
	(void)!fd_send(init_fd, "", 1, NULL, 0);
	close(init_fd);
	while (turn(&n))
		;
	_exit(0);
}
