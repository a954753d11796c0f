/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/packet.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

#define IP4_BYTES sizeof(struct iphdr)
#define IP6_BYTES sizeof(struct ip6_hdr)
#define ECHO_BYTES 8
#define TTL 64
/* An ICMP error quotes the packet it is about, up to these sizes as a whole (RFC 1812, 4443). */
#define ERROR4_MAX 576
#define ERROR6_MAX 1280

static int parse_tcp(const uint8_t *at, size_t left, struct packet *ret)
{
	struct tcphdr tcp;
	size_t header_bytes;

	if (left < sizeof(tcp))
		return -EBADMSG;
	memcpy(&tcp, at, sizeof(tcp));
	header_bytes = (size_t)tcp.doff * 4;
	if (header_bytes < sizeof(tcp) || header_bytes > left)
		return -EBADMSG;
	ret->protocol = NET_TCP;
	ret->source_port = ntohs(tcp.source);
	ret->target_port = ntohs(tcp.dest);
	ret->payload_bytes = left - header_bytes;
	ret->sequence = ntohl(tcp.seq);
	ret->opens = tcp.syn && !tcp.ack;
	ret->resets = tcp.rst;
	ret->ends = tcp.fin;
	/* Data on the first packet (TCP Fast Open) would go out before the answer is known to
	 * the sender; and a packet that both opens and ends is no honest one. */
	if (tcp.syn && (tcp.fin || tcp.rst || ret->payload_bytes))
		return -EBADMSG;
	return ret->target_port ? 0 : -EBADMSG;
}

static int parse_udp(const uint8_t *at, size_t left, struct packet *ret)
{
	struct udphdr udp;

	if (left < sizeof(udp))
		return -EBADMSG;
	memcpy(&udp, at, sizeof(udp));
	if (ntohs(udp.len) != left)
		return -EBADMSG;
	ret->protocol = NET_UDP;
	ret->source_port = ntohs(udp.source);
	ret->target_port = ntohs(udp.dest);
	ret->payload_bytes = left - sizeof(udp);
	return ret->target_port ? 0 : -EBADMSG;
}

/* The identifier is the port of whoever asks. */
static int parse_echo(const uint8_t *at, size_t left, uint8_t request, uint8_t reply, bool inbound,
		      struct packet *ret)
{
	if (left < ECHO_BYTES || at[0] != (inbound ? reply : request) || at[1] != 0)
		return -EBADMSG;
	ret->protocol = NET_ICMP;
	*(inbound ? &ret->target_port : &ret->source_port) = (uint16_t)(at[4] << 8 | at[5]);
	ret->payload_bytes = left - ECHO_BYTES;
	return 0;
}

static int parse_transport(uint8_t protocol, bool inbound, struct packet *ret)
{
	const uint8_t *at = ret->bytes + ret->header_bytes;
	size_t left = ret->size - ret->header_bytes;

	if (protocol == IPPROTO_TCP)
		return parse_tcp(at, left, ret);
	if (protocol == IPPROTO_UDP)
		return parse_udp(at, left, ret);
	if (protocol == IPPROTO_ICMP && ret->source.family == AF_INET)
		return parse_echo(at, left, ICMP_ECHO, ICMP_ECHOREPLY, inbound, ret);
	if (protocol == IPPROTO_ICMPV6 && ret->source.family == AF_INET6)
		return parse_echo(at, left, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY, inbound, ret);
	return -EBADMSG;
}

static int parse_ip4(struct packet *ret, bool inbound)
{
	struct iphdr ip;

	if (ret->size < sizeof(ip))
		return -EBADMSG;
	memcpy(&ip, ret->bytes, sizeof(ip));
	if (ip.version != 4 || ip.ihl * 4 != IP4_BYTES || ntohs(ip.tot_len) != ret->size ||
	    ntohs(ip.frag_off) & (IP_MF | IP_OFFMASK))
		return -EBADMSG;
	ret->header_bytes = IP4_BYTES;
	ret->source = (struct net_address){.family = AF_INET, .v4.s_addr = ip.saddr};
	ret->target = (struct net_address){.family = AF_INET, .v4.s_addr = ip.daddr};
	return parse_transport(ip.protocol, inbound, ret);
}

static int parse_ip6(struct packet *ret, bool inbound)
{
	struct ip6_hdr ip;

	if (ret->size < sizeof(ip))
		return -EBADMSG;
	memcpy(&ip, ret->bytes, sizeof(ip));
	if (ip.ip6_vfc >> 4 != 6 || ntohs(ip.ip6_plen) + IP6_BYTES != ret->size)
		return -EBADMSG;
	ret->header_bytes = IP6_BYTES;
	ret->source = (struct net_address){.family = AF_INET6, .v6 = ip.ip6_src};
	ret->target = (struct net_address){.family = AF_INET6, .v6 = ip.ip6_dst};
	return parse_transport(ip.ip6_nxt, inbound, ret);
}

static int parse(const uint8_t *bytes, size_t size, bool inbound, struct packet *ret)
{
	*ret = (struct packet){.bytes = bytes, .size = size};
	if (size == 0 || size > PACKET_MAX)
		return -EBADMSG;
	return bytes[0] >> 4 == 4 ? parse_ip4(ret, inbound) : parse_ip6(ret, inbound);
}

int packet_parse(const uint8_t *bytes, size_t size, struct packet *ret)
{
	return parse(bytes, size, false, ret);
}

int packet_parse_inbound(const uint8_t *bytes, size_t size, struct packet *ret)
{
	return parse(bytes, size, true, ret);
}

static uint32_t add_up(uint32_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	if (size % 2)
		sum += (uint32_t)bytes[size - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Over the pseudo header of either family and what follows the header. */
static uint16_t checksum(const uint8_t *ip, size_t header_bytes, size_t size, uint8_t protocol)
{
	bool v6 = header_bytes == IP6_BYTES;
	uint32_t sum = add_up(protocol + (uint32_t)size, ip + (v6 ? 8 : 12), v6 ? 32 : 8);

	return fold(add_up(sum, ip + header_bytes, size));
}

void packet_seal_icmp6(uint8_t *ip6, size_t size)
{
	uint8_t *at = ip6 + IP6_BYTES + offsetof(struct icmp6_hdr, icmp6_cksum);
	uint16_t sum = 0;

	memcpy(at, &sum, sizeof(sum));
	sum = checksum(ip6, IP6_BYTES, size, IPPROTO_ICMPV6);
	memcpy(at, &sum, sizeof(sum));
}

/* The IP header of an answer to @p, from the address it was meant for. */
static void answer_header(const struct packet *p, uint8_t protocol, size_t size, uint8_t *ret)
{
	if (p->target.family == AF_INET) {
		struct iphdr ip = {.version = 4,
				   .ihl = IP4_BYTES / 4,
				   .tot_len = htons((uint16_t)(IP4_BYTES + size)),
				   .ttl = TTL,
				   .protocol = protocol,
				   .saddr = p->target.v4.s_addr,
				   .daddr = p->source.v4.s_addr};

		ip.check = fold(add_up(0, (const uint8_t *)&ip, sizeof(ip)));
		memcpy(ret, &ip, sizeof(ip));
	} else {
		struct ip6_hdr ip = {.ip6_plen = htons((uint16_t)size),
				     .ip6_nxt = protocol,
				     .ip6_hlim = TTL,
				     .ip6_src = p->target.v6,
				     .ip6_dst = p->source.v6};

		ip.ip6_vfc = 6 << 4;
		memcpy(ret, &ip, sizeof(ip));
	}
}

static size_t make_reset(const struct packet *p, uint8_t *ret)
{
	struct tcphdr in, out = {.rst = 1, .ack = 1, .doff = sizeof(out) / 4};

	if (p->resets)
		return 0;
	memcpy(&in, p->bytes + p->header_bytes, sizeof(in));
	out.source = in.dest;
	out.dest = in.source;
	out.ack_seq = htonl(p->sequence + (uint32_t)p->payload_bytes + in.syn + in.fin);
	if (in.ack) {
		out.ack = 0;
		out.ack_seq = 0;
		out.seq = in.ack_seq;
	}
	answer_header(p, IPPROTO_TCP, sizeof(out), ret);
	memcpy(ret + p->header_bytes, &out, sizeof(out));
	out.check = checksum(ret, p->header_bytes, sizeof(out), IPPROTO_TCP);
	memcpy(ret + p->header_bytes, &out, sizeof(out));
	return p->header_bytes + sizeof(out);
}

static size_t make_prohibited(const struct packet *p, uint8_t *ret)
{
	bool v6 = p->target.family == AF_INET6;
	size_t room = (v6 ? ERROR6_MAX : ERROR4_MAX) - p->header_bytes - ECHO_BYTES;
	size_t quoted = p->size < room ? p->size : room;
	size_t size = ECHO_BYTES + quoted;
	uint8_t *icmp = ret + p->header_bytes;

	answer_header(p, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, size, ret);
	memset(icmp, 0, ECHO_BYTES);
	icmp[0] = v6 ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH;
	icmp[1] = v6 ? ICMP6_DST_UNREACH_ADMIN : ICMP_PKT_FILTERED;
	memcpy(icmp + ECHO_BYTES, p->bytes, quoted);
	if (v6) {
		packet_seal_icmp6(ret, size);
	} else {
		uint16_t sum = fold(add_up(0, icmp, size));

		memcpy(icmp + 2, &sum, sizeof(sum));
	}
	return p->header_bytes + size;
}

size_t packet_make_refusal(const struct packet *p, uint8_t ret[PACKET_REFUSAL_MAX])
{
	return p->protocol == NET_TCP ? make_reset(p, ret) : make_prohibited(p, ret);
}
