/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One IP packet as the sandbox's tunnel gives it: read strictly, before anything else looks
 * at it. What is not plain TCP, UDP or an ICMP echo request from the sandbox's own address is
 * dropped: fragments, options, extension headers, spoofed sources, lengths that lie.
 * Thread-safe: no state. Sources: RFC 791, 792, 793, 768, 8200, 4443.
 */
#ifndef APPSILO_TRANSPORT_PACKET_H
#define APPSILO_TRANSPORT_PACKET_H

#include "network/policy.h"

#define PACKET_MAX 65520

struct packet {
	const uint8_t *bytes; /* borrowed */
	size_t size;
	enum net_protocol protocol;
	struct net_address source, target;
	uint16_t source_port, target_port; /* ICMP: the echo's identifier, and 0 */
	size_t header_bytes;		   /* of IP */
	size_t payload_bytes;		   /* without any header */
	uint32_t sequence;		   /* of TCP */
	bool opens;			   /* TCP: SYN without ACK */
	bool resets;			   /* TCP: RST */
	bool ends;			   /* TCP: FIN */
};

/**
 * Read @size bytes from the tunnel. @ret borrows @bytes.
 * Returns 0; -EBADMSG: it is to be dropped.
 */
int packet_parse(const uint8_t *bytes, size_t size, struct packet *ret) must_check;

/** The same for what comes back from outside: an echo reply in place of a request. */
int packet_parse_inbound(const uint8_t *bytes, size_t size, struct packet *ret) must_check;

/** Room for packet_make_refusal(). */
#define PACKET_REFUSAL_MAX 1280

/**
 * The answer that makes a refused @packet's sender fail at once: a reset for TCP, "prohibited
 * by administration" for the others.
 * Returns its size in @ret; 0 where nothing is answered (a reset).
 */
size_t packet_make_refusal(const struct packet *packet, uint8_t ret[PACKET_REFUSAL_MAX]);

/**
 * Fill in the internet checksum of an ICMPv6 message of @size bytes in an IPv6 packet.
 * @ip6  its header; the message follows it
 */
void packet_seal_icmp6(uint8_t *ip6, size_t size);

#endif
