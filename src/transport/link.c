/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/link.h"

#include "base/clock.h"
#include "transport/packet.h"
#include <arpa/inet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <slirp/libslirp.h>
#include <string.h>

#define IP6_BYTES sizeof(struct ip6_hdr)

/* Locally administered; no more than names for both ends. */
static const uint8_t inner_mac[ETH_ALEN] = {0x52, 0x55, 0, 0, 0, 2};
static const uint8_t gateway_mac[ETH_ALEN] = {0x52, 0x55, 0, 0, 0, 1};

struct link {
	int tunnel_fd; /* borrowed */
	Slirp *slirp;  /* owned */
	link_incoming_fn incoming;
	void *data;
	struct in6_addr inner6;
	struct pollfd *polled; /* owned */
	size_t n_polled, allocated;
	bool out_of_memory;
	uint8_t frame[ETH_HLEN + PACKET_MAX + 1]; /* of the sandbox */
};

static void write_tunnel(struct link *l, const uint8_t *packet, size_t size)
{
	struct packet p;

	if (packet_parse_inbound(packet, size, &p) == 0 && !l->incoming(l->data, &p))
		return;
	/* A full queue drops it, like any network. */
	(void)!write(l->tunnel_fd, packet, size);
}

/* libslirp asks who has the sandbox's IPv6 address: there is nobody else on this link. */
static void answer_neighbour(struct link *l, const uint8_t *asked)
{
	uint8_t frame[ETH_HLEN + IP6_BYTES + sizeof(struct nd_neighbor_advert)];
	struct ether_header ether = {.ether_type = htons(ETHERTYPE_IPV6)};
	struct nd_neighbor_advert advert = {.nd_na_type = ND_NEIGHBOR_ADVERT,
					    .nd_na_flags_reserved = ND_NA_FLAG_SOLICITED,
					    .nd_na_target = l->inner6};
	struct ip6_hdr ip = {.ip6_plen = htons(sizeof(advert)),
			     .ip6_nxt = IPPROTO_ICMPV6,
			     .ip6_hlim = 255,
			     .ip6_src = l->inner6};

	ip.ip6_vfc = 6 << 4;
	memcpy(&ip.ip6_dst, asked + offsetof(struct ip6_hdr, ip6_src), sizeof(ip.ip6_dst));
	memcpy(ether.ether_dhost, gateway_mac, ETH_ALEN);
	memcpy(ether.ether_shost, inner_mac, ETH_ALEN);
	memcpy(frame, &ether, sizeof(ether));
	memcpy(frame + ETH_HLEN, &ip, sizeof(ip));
	memcpy(frame + ETH_HLEN + IP6_BYTES, &advert, sizeof(advert));
	packet_seal_icmp6(frame + ETH_HLEN, sizeof(advert));
	slirp_input(l->slirp, frame, sizeof(frame));
}

/* Tell libslirp where the sandbox is, before it asks. */
static void announce(struct link *l)
{
	uint8_t frame[ETH_HLEN + sizeof(struct ether_arp)];
	struct ether_header ether = {.ether_type = htons(ETHERTYPE_ARP)};
	struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
					   .ar_pro = htons(ETHERTYPE_IP),
					   .ar_hln = ETH_ALEN,
					   .ar_pln = 4,
					   .ar_op = htons(ARPOP_REQUEST)}};
	uint32_t address = htonl(NET_INNER_ADDRESS);

	memset(ether.ether_dhost, 0xff, ETH_ALEN);
	memcpy(ether.ether_shost, inner_mac, ETH_ALEN);
	memcpy(arp.arp_sha, inner_mac, ETH_ALEN);
	memcpy(arp.arp_spa, &address, 4);
	memcpy(arp.arp_tpa, &address, 4);
	memcpy(frame, &ether, sizeof(ether));
	memcpy(frame + ETH_HLEN, &arp, sizeof(arp));
	slirp_input(l->slirp, frame, sizeof(frame));
}

/* What libslirp says of the link itself (who has, router advertisements) ends here. */
static void deliver_ip6(struct link *l, const uint8_t *packet, size_t size)
{
	uint8_t type;

	if (size <= IP6_BYTES)
		return;
	type = packet[IP6_BYTES];
	if (packet[offsetof(struct ip6_hdr, ip6_nxt)] == IPPROTO_ICMPV6 && type >= ND_ROUTER_SOLICIT) {
		if (type == ND_NEIGHBOR_SOLICIT)
			answer_neighbour(l, packet);
		return;
	}
	write_tunnel(l, packet, size);
}

static ssize_t send_packet(const void *data, size_t size, void *opaque)
{
	struct link *l = opaque;
	const uint8_t *frame = data;
	uint16_t type;

	if (size <= ETH_HLEN)
		return (ssize_t)size;
	type = (uint16_t)(frame[12] << 8 | frame[13]);
	if (type == ETHERTYPE_IP)
		write_tunnel(l, frame + ETH_HLEN, size - ETH_HLEN);
	else if (type == ETHERTYPE_IPV6)
		deliver_ip6(l, frame + ETH_HLEN, size - ETH_HLEN);
	return (ssize_t)size;
}

static void on_guest_error(const char *message, void *opaque)
{
	(void)message; /* of a hostile program's making: nothing to tell a person */
	(void)opaque;
}

static int64_t now_ns(void *opaque)
{
	(void)opaque;
	return clock_ns(CLOCK_MONOTONIC);
}

/* Its one timer is for router advertisements, which end here anyway. */
static void *new_timer(SlirpTimerCb callback, void *data, void *opaque)
{
	(void)callback;
	(void)data;
	return opaque;
}

static void free_timer(void *timer, void *opaque)
{
	(void)timer;
	(void)opaque;
}

static void set_timer(void *timer, int64_t expire_ms, void *opaque)
{
	(void)timer;
	(void)expire_ms;
	(void)opaque;
}

static void ignore_fd(int fd, void *opaque)
{
	(void)fd;
	(void)opaque;
}

static void ignore(void *opaque)
{
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = send_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = now_ns,
	.timer_new = new_timer,
	.timer_free = free_timer,
	.timer_mod = set_timer,
	.register_poll_fd = ignore_fd,
	.unregister_poll_fd = ignore_fd,
	.notify = ignore,
};

static struct in6_addr address6(const char *text)
{
	struct in6_addr address = IN6ADDR_ANY_INIT;

	(void)!inet_pton(AF_INET6, text, &address); /* our own constants */
	return address;
}

int link_new(int tunnel_fd, bool has_ip6, link_incoming_fn incoming, void *data, struct link **ret,
	     struct appsilo_error *err)
{
	const SlirpConfig config = {
		.version = 3,
		.in_enabled = true,
		.vnetwork.s_addr = htonl(NET_NETWORK_ADDRESS),
		.vnetmask.s_addr = htonl(NET_NETWORK_MASK),
		.vhost.s_addr = htonl(NET_GATEWAY_ADDRESS),
		.in6_enabled = has_ip6,
		.vprefix_addr6 = address6(NET_NETWORK_ADDRESS6),
		.vprefix_len = NET_NETWORK_BITS6,
		.vhost6 = address6(NET_GATEWAY_ADDRESS6),
		.vdhcp_start.s_addr = htonl(NET_INNER_ADDRESS),
		.vnameserver.s_addr = htonl(NET_SPARE_ADDRESS),
		.vnameserver6 = address6(NET_SPARE_ADDRESS6),
		.if_mtu = NET_TUNNEL_MTU,
		.if_mru = NET_TUNNEL_MTU,
		.disable_host_loopback = true,
		.disable_dns = true,
	};
	cleanup(link_freep) struct link *l = calloc(1, sizeof(*l));

	if (!l)
		return error_set(err, -ENOMEM, "network");
	l->tunnel_fd = tunnel_fd;
	l->incoming = incoming;
	l->data = data;
	l->inner6 = address6(NET_INNER_ADDRESS6);
	l->slirp = slirp_new(&config, &callbacks, l);
	if (!l->slirp)
		return error_say(err, -EINVAL, "network: libslirp does not start; see appsilo doctor");
	announce(l);
	*ret = TAKE_PTR(l);
	return 0;
}

void link_free(struct link *l)
{
	if (l && l->slirp)
		slirp_cleanup(l->slirp);
	if (l)
		free(l->polled);
	free(l);
}

int link_publish(struct link *l, const struct net_listen *p, struct appsilo_error *err)
{
	struct sockaddr_in outer = {.sin_family = AF_INET, .sin_port = htons(p->port)};
	struct sockaddr_in inner = {.sin_family = AF_INET,
				    .sin_port = htons(p->inner_port),
				    .sin_addr.s_addr = htonl(NET_INNER_ADDRESS)};
	struct sockaddr_in6 outer6 = {.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
	struct sockaddr_in6 inner6 = {.sin6_family = AF_INET6,
				      .sin6_port = htons(p->inner_port),
				      .sin6_addr = l->inner6};
	bool v6 = p->family == AF_INET6;
	int r;

	memcpy(&outer.sin_addr, p->address, sizeof(outer.sin_addr));
	memcpy(&outer6.sin6_addr, p->address, sizeof(outer6.sin6_addr));
	r = slirp_add_hostxfwd(l->slirp, v6 ? (void *)&outer6 : (void *)&outer,
			       v6 ? sizeof(outer6) : sizeof(outer),
			       v6 ? (void *)&inner6 : (void *)&inner,
			       v6 ? sizeof(inner6) : sizeof(inner), v6 ? SLIRP_HOSTFWD_V6ONLY : 0);
	return r < 0 ? error_set(err, -errno, "network: --publish: cannot listen on port %u", p->port)
		     : 0;
}

ssize_t link_receive(struct link *l, const uint8_t **ret)
{
	ssize_t n = read(l->tunnel_fd, l->frame + ETH_HLEN, sizeof(l->frame) - ETH_HLEN);

	*ret = l->frame + ETH_HLEN;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return n < 0 ? -errno : n;
}

void link_forward(struct link *l, const uint8_t *packet, size_t size)
{
	struct ether_header ether = {.ether_type = htons(packet[0] >> 4 == 4 ? ETHERTYPE_IP
									     : ETHERTYPE_IPV6)};

	memcpy(ether.ether_dhost, gateway_mac, ETH_ALEN);
	memcpy(ether.ether_shost, inner_mac, ETH_ALEN);
	if (packet != l->frame + ETH_HLEN)
		memcpy(l->frame + ETH_HLEN, packet, size);
	memcpy(l->frame, &ether, sizeof(ether));
	slirp_input(l->slirp, l->frame, (int)(ETH_HLEN + size));
}

void link_answer(struct link *l, const uint8_t *packet, size_t size)
{
	if (size > 0)
		(void)!write(l->tunnel_fd, packet, size); /* as above */
}

static bool make_room(struct link *l, size_t n)
{
	struct pollfd *bigger;

	if (n <= l->allocated)
		return true;
	bigger = reallocarray(l->polled, 2 * n, sizeof(*bigger));
	if (!bigger)
		return false;
	l->polled = bigger;
	l->allocated = 2 * n;
	return true;
}

static int add_poll(int fd, int events, void *opaque)
{
	struct link *l = opaque;
	short wanted = (short)((events & SLIRP_POLL_IN ? POLLIN : 0) | (events & SLIRP_POLL_OUT ? POLLOUT : 0) |
			       (events & SLIRP_POLL_PRI ? POLLPRI : 0));

	if (!make_room(l, l->n_polled + 1)) {
		l->out_of_memory = true;
		return -1;
	}
	l->polled[l->n_polled] = (struct pollfd){.fd = fd, .events = wanted};
	return (int)l->n_polled++;
}

struct pollfd *link_poll(struct link *l, size_t fixed, size_t *ret_n, int *timeout_ms)
{
	uint32_t timeout = *timeout_ms < 0 ? UINT32_MAX : (uint32_t)*timeout_ms;

	l->n_polled = fixed;
	l->out_of_memory = !make_room(l, fixed);
	if (!l->out_of_memory)
		slirp_pollfds_fill(l->slirp, &timeout, add_poll, l);
	*timeout_ms = timeout > INT32_MAX ? -1 : (int)timeout;
	*ret_n = l->n_polled;
	return l->out_of_memory ? NULL : l->polled;
}

static int get_events(int i, void *opaque)
{
	short events = i < 0 ? 0 : ((struct link *)opaque)->polled[i].revents;

	return (events & POLLIN ? SLIRP_POLL_IN : 0) | (events & POLLOUT ? SLIRP_POLL_OUT : 0) |
	       (events & POLLPRI ? SLIRP_POLL_PRI : 0) | (events & POLLERR ? SLIRP_POLL_ERR : 0) |
	       (events & POLLHUP ? SLIRP_POLL_HUP : 0);
}

void link_step(struct link *l, bool failed)
{
	slirp_pollfds_poll(l->slirp, failed, get_events, l);
}
