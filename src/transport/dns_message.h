/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS messages (RFC 1035, 2181, 6891), read strictly and made anew: nothing that the sandbox
 * or a server wrote is passed on as it is. Thread-safe: no state.
 */
#ifndef APPSILO_TRANSPORT_DNS_MESSAGE_H
#define APPSILO_TRANSPORT_DNS_MESSAGE_H

#include "network/address.h"
#include "isolation/net_wire.h"

#define DNS_ADDRESSES_MAX 32
#define DNS_CHAIN_MAX 12
#define DNS_SERVICES_MAX 16
/* What we say we take by UDP; RFC 9715. */
#define DNS_UDP_BYTES 1232
#define DNS_QUERY_MAX 512
#define DNS_ANSWER_MAX 8192

enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_AAAA = 28, DNS_SRV = 33, DNS_OPT = 41 };
enum dns_code { DNS_OK = 0, DNS_MALFORMED = 1, DNS_FAILED = 2, DNS_NO_NAME = 3, DNS_UNKNOWN = 4, DNS_REFUSED = 5 };

struct dns_query {
	uint16_t id, type, class;
	bool recursion;
	bool edns;
	uint16_t udp_bytes; /* the largest answer that is taken by UDP */
	char name[NET_NAME_SIZE]; /* lower case, no dot at the end; "" the root */
	char asked[NET_NAME_SIZE]; /* in the sender's spelling, for the answer */
};

/* Where a service is to be had (RFC 2782). The target is a name to look up: "" none. */
struct dns_service {
	uint16_t priority, weight, port;
	char target[NET_NAME_SIZE];
};

struct dns_answer {
	enum dns_code code;
	bool cut; /* ask again by TCP */
	uint32_t seconds; /* time to live of the whole */
	size_t n_chain; /* aliases: the query's name is one of chain[0], that of chain[1] ... */
	char chain[DNS_CHAIN_MAX][NET_NAME_SIZE];
	size_t n_addresses;
	struct net_address addresses[DNS_ADDRESSES_MAX];
	size_t n_services;
	struct dns_service services[DNS_SERVICES_MAX];
	char pointer[NET_NAME_SIZE]; /* "": none; only in answers of our own */
};

/**
 * Read a query of the sandbox.
 * Returns 0; a positive enum dns_code to answer with (@ret->id and the question, as far as it
 * could be read, are set); -EBADMSG: no query at all, not to be answered.
 */
int dns_query_parse(const uint8_t *bytes, size_t size, struct dns_query *ret) must_check;

/** A query of our own for @name. Returns its size; 0: no such name can be. */
size_t dns_query_make(uint16_t id, const char *name, uint16_t type, uint8_t ret[DNS_QUERY_MAX]);

/**
 * Read a server's answer to dns_query_make(@id, @name, @type).
 * Only addresses, or services, that the chain of aliases from @name leads to are taken.
 * Returns 0; -EBADMSG: not an answer to this.
 */
int dns_answer_parse(const uint8_t *bytes, size_t size, uint16_t id, const char *name,
		     uint16_t type, struct dns_answer *ret) must_check;

/** The address whose name @name (x.in-addr.arpa, x.ip6.arpa) is asked for. Returns false: none. */
bool dns_reverse_parse(const char *name, struct net_address *ret);

/**
 * Our answer to @query. What is longer than @max is cut, and says so.
 * @answer  NULL: only @code
 * Returns its size.
 */
size_t dns_answer_make(const struct dns_query *query, enum dns_code code,
		       const struct dns_answer *answer, size_t max, uint8_t ret[DNS_ANSWER_MAX]);

#endif
