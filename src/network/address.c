/* SPDX-License-Identifier: Apache-2.0 */
#include "network/address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

struct range {
	uint8_t bytes[16]; /* the first four for IPv4 */
	uint8_t bits;
	enum net_place place;
};

/* The first that fits decides: single addresses stand before the ranges around them. */
static const struct range ranges4[] = {
	{{169, 254, 169}, 24, NET_METADATA}, /* .254 nearly everywhere, .253 names, .123 time */
	{{169, 254, 170}, 24, NET_METADATA}, /* containers and pods of Amazon */
	{{169, 254, 42, 42}, 32, NET_METADATA}, /* Scaleway */
	{{169, 254, 0, 23}, 32, NET_METADATA},	/* Tencent */
	{{100, 100, 100, 200}, 32, NET_METADATA}, /* Alibaba */
	{{192, 0, 0, 192}, 32, NET_METADATA},	/* Oracle, earlier */
	{{168, 63, 129, 16}, 32, NET_METADATA}, /* Azure's host service */
	{{0}, 8, NET_LOOPBACK},			/* Linux takes 0.0.0.0 for itself */
	{{127}, 8, NET_LOOPBACK},
	{{10}, 8, NET_PRIVATE},
	{{172, 16}, 12, NET_PRIVATE},
	{{192, 168}, 16, NET_PRIVATE},
	{{169, 254}, 16, NET_PRIVATE},
	{{100, 64}, 10, NET_PRIVATE},
	{{198, 18}, 15, NET_PRIVATE},	/* benchmarks; tunnels hand it out too */
	{{192, 0, 0}, 24, NET_UNUSABLE},
	{{192, 0, 2}, 24, NET_UNUSABLE}, /* documentation, with the next two */
	{{198, 51, 100}, 24, NET_UNUSABLE},
	{{203, 0, 113}, 24, NET_UNUSABLE},
	{{192, 88, 99}, 24, NET_UNUSABLE}, /* the relays of 6to4 */
	{{224}, 4, NET_UNUSABLE},	   /* multicast */
	{{240}, 4, NET_UNUSABLE},	   /* reserved, broadcast */
	{{0}, 0, NET_PUBLIC},
};

static const struct range ranges6[] = {
	{{0xfd, 0x00, 0x0e, 0xc2}, 32, NET_METADATA}, /* Amazon: fd00:ec2::254, ::23, ... */
	{{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54}, 128, NET_METADATA}, /* Google */
	{{0xfd, 0x00, 0x00, 0xc1, [12] = 0xa9, 0xfe, 0xa9, 0xfe}, 128, NET_METADATA}, /* Oracle */
	{{0xfd, 0x00, 0x00, 0x42, [15] = 0x42}, 128, NET_METADATA},	    /* Scaleway */
	{{0xfe, 0x80, [12] = 0xa9, 0xfe, 0xa9, 0xfe}, 128, NET_METADATA}, /* OpenStack */
	{{0}, 128, NET_LOOPBACK},
	{{[15] = 1}, 128, NET_LOOPBACK},
	{{0xfc}, 7, NET_PRIVATE},
	{{0xfe, 0x80}, 10, NET_PRIVATE},
	{{0xfe, 0xc0}, 10, NET_PRIVATE},	     /* site-local, of old */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, NET_UNUSABLE}, /* documentation */
	{{0x3f, 0xff}, 20, NET_UNUSABLE},
	{{0x20, 0x01}, 23, NET_UNUSABLE}, /* protocol assignments; Teredo is judged before */
	{{0x20}, 3, NET_PUBLIC},
	/* Multicast, discard, SRv6, what nobody has been given, and 64:ff9b:1::/48, where it
	 * depends on the network which bits are the address that is reached (RFC 8215). */
	{{0}, 0, NET_UNUSABLE},
};

/* IPv6 that carries IPv4 in the clear: after these bits, from this byte on. */
static const struct {
	uint8_t bytes[16];
	uint8_t bits, at;
} carriers[] = {
	{{[10] = 0xff, 0xff}, 96, 12},		/* mapped */
	{{[8] = 0xff, 0xff}, 96, 12},		/* translated (RFC 2765) */
	{{0x00, 0x64, 0xff, 0x9b}, 96, 12},	/* NAT64 (RFC 6052) */
	{{0x20, 0x02}, 16, 2},			/* 6to4 */
	{{0}, 96, 12},				/* compatible; not :: and ::1 */
};

static const uint8_t teredo[4] = {0x20, 0x01, 0x00, 0x00};
#define TEREDO_BITS 32
#define TEREDO_SERVER 4
#define TEREDO_CLIENT 12 /* each bit turned */

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int rest = bits % 8;

	return memcmp(a, b, bits / 8) == 0 &&
	       (rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0);
}

static const uint8_t *bytes_of(const struct net_address *a)
{
	return a->family == AF_INET ? (const uint8_t *)&a->v4 : a->v6.s6_addr;
}

static struct net_address carried(const uint8_t bytes[4], uint8_t turn)
{
	struct net_address ret = {.family = AF_INET};
	uint8_t *to = (uint8_t *)&ret.v4;

	for (size_t i = 0; i < 4; i++)
		to[i] = bytes[i] ^ turn;
	return ret;
}

static bool is_teredo(const struct net_address *a)
{
	return a->family == AF_INET6 && same_bits(a->v6.s6_addr, teredo, TEREDO_BITS);
}

struct net_address net_address_real(const struct net_address *a)
{
	const uint8_t *bytes = a->v6.s6_addr;

	if (a->family != AF_INET6 || IN6_IS_ADDR_UNSPECIFIED(&a->v6) || IN6_IS_ADDR_LOOPBACK(&a->v6))
		return *a;
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++)
		if (same_bits(bytes, carriers[i].bytes, carriers[i].bits))
			return carried(bytes + carriers[i].at, 0);
	return is_teredo(a) ? carried(bytes + TEREDO_CLIENT, 0xff) : *a;
}

/* The row of its family's table that @real lies in; the last one takes all. */
static const struct range *find_range(const struct net_address *real)
{
	const struct range *range = real->family == AF_INET ? ranges4 : ranges6;

	while (!same_bits(bytes_of(real), range->bytes, range->bits))
		range++;
	return range;
}

enum net_place net_address_place(const struct net_address *address)
{
	struct net_address real = net_address_real(address), server;

	if (real.family != AF_INET && real.family != AF_INET6)
		return NET_UNUSABLE;
	if (is_teredo(address)) {
		server = carried(address->v6.s6_addr + TEREDO_SERVER, 0);
		if (find_range(&server)->place != NET_PUBLIC)
			return NET_UNUSABLE;
	}
	return find_range(&real)->place;
}

unsigned int net_address_private_bits(const struct net_address *address)
{
	struct net_address real = net_address_real(address);
	const struct range *range = find_range(&real);

	return range->place == NET_PRIVATE ? range->bits : 0;
}

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
	return net_address_within(a, b, net_address_bits(a));
}

unsigned int net_address_bits(const struct net_address *a)
{
	return a->family == AF_INET ? 32 : 128;
}

bool net_address_within(const struct net_address *address, const struct net_address *network,
			unsigned int bits)
{
	return address->family == network->family && bits <= net_address_bits(address) &&
	       same_bits(bytes_of(address), bytes_of(network), bits);
}

const char *net_address_text(const struct net_address *a, char ret[NET_ADDRESS_TEXT_MAX])
{
	return inet_ntop(a->family, bytes_of(a), ret, NET_ADDRESS_TEXT_MAX) ? ret : strcpy(ret, "?");
}

int net_address_from_sockaddr(const struct sockaddr *sa, socklen_t length,
			      struct net_address *ret, uint16_t *ret_port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	sa_family_t family;

	if (length < offsetof(struct sockaddr, sa_family) + sizeof(family))
		return -EINVAL;
	memcpy(&family, (const char *)sa + offsetof(struct sockaddr, sa_family), sizeof(family));
	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	*ret = (struct net_address){.family = family};
	if (family == AF_INET) {
		if (length < sizeof(v4))
			return -EINVAL;
		memcpy(&v4, sa, sizeof(v4));
		ret->v4 = v4.sin_addr;
		*ret_port = ntohs(v4.sin_port);
		return 0;
	}
	/* The kernel takes an address without its scope. */
	if (length < offsetof(struct sockaddr_in6, sin6_scope_id))
		return -EINVAL;
	memcpy(&v6, sa, offsetof(struct sockaddr_in6, sin6_scope_id));
	ret->v6 = v6.sin6_addr;
	*ret_port = ntohs(v6.sin6_port);
	return 0;
}
