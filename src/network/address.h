/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network addresses as the policy sees them: an IPv6 form that carries an IPv4 address
 * (mapped, compatible, translated, NAT64, 6to4, Teredo) counts as the address it carries.
 * Thread-safe: no state. Compiled for the front too.
 */
#ifndef APPSILO_NETWORK_ADDRESS_H
#define APPSILO_NETWORK_ADDRESS_H

#include "base/cleanup.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_address {
	int family; /* AF_INET or AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
};

enum net_place {
	NET_PUBLIC,
	NET_PRIVATE,  /* RFC 1918, RFC 4193, RFC 2544, link-local, shared space RFC 6598 */
	NET_LOOPBACK, /* also 0.0.0.0/8 and :: */
	NET_METADATA, /* cloud metadata services: never reached */
	NET_UNUSABLE, /* multicast, broadcast, reserved, documentation: never reached */
};

#define NET_ADDRESS_TEXT_MAX INET6_ADDRSTRLEN

/** The address itself, or the one that it carries. */
struct net_address net_address_real(const struct net_address *address);

/** Where @address leads, judged by net_address_real(). */
enum net_place net_address_place(const struct net_address *address);

/** How many bits the private range has that @address lies in; 0: it lies in none. */
unsigned int net_address_private_bits(const struct net_address *address);

/** Are the first @bits of both the same, in one family? */
bool net_address_within(const struct net_address *address, const struct net_address *network,
			unsigned int bits);

/** Is it the same, in the same family? */
bool net_address_equal(const struct net_address *a, const struct net_address *b);

/** 32 or 128. */
unsigned int net_address_bits(const struct net_address *address);

/** The usual text: dotted decimal, or RFC 5952. Returns @ret. */
const char *net_address_text(const struct net_address *address, char ret[NET_ADDRESS_TEXT_MAX]);

/** From a sockaddr of @length bytes. Returns 0; -EAFNOSUPPORT; -EINVAL too short. */
int net_address_from_sockaddr(const struct sockaddr *sa, socklen_t length,
			      struct net_address *ret, uint16_t *ret_port) must_check;

#endif
