/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wires of appsilo-net: SOCK_SEQPACKET pairs, one fixed struct a message. Both ends are
 * our own; the app never holds either. docs/ARCHITECTURE.md, Network.
 *
 * Judge's socket: first one net_setup to us. Then for each net_question exactly one
 * net_answer with its id, at once; where its verdict is CONSENT_ASK, a second one, late, with
 * CONSENT_ALLOW or CONSENT_DENY. What is told (NET_TELL_NAME, NET_BEGINS) has no answer. Its
 * end is ours; from NET_BEGINS on it is the run's. With the first answer about a name, and with
 * each when it has changed, comes the host's resolv.conf, open for reading. An answer to no
 * question (id 0) says that rules have changed: what has no end is judged again.
 *
 * Init's socket: one net_handover with the descriptors of enum net_handover_fd, then for each
 * of its ports one such number with a listening socket; back comes a byte when all is served.
 */
#ifndef APPSILO_ISOLATION_NET_WIRE_H
#define APPSILO_ISOLATION_NET_WIRE_H

#include <stdint.h>

#define NET_NAME_SIZE 256
/* Of the names that led to one address, so many are told. */
#define NET_NAMES_MAX 4
#define NET_LISTEN_MAX 256
/* Ports of the host's loopback that are open to one app. */
#define NET_LOOPBACK_MAX 16
/* Rows of the judge's account; the first is for all that has none of its own. */
#define NET_ROWS_MAX 65

enum net_question_kind {
	NET_ASK_TARGET, /* may it send to address and port? */
	NET_ASK_NAME,	/* may names[0] be looked up? */
	NET_ASK_IN,	/* may who came to a port that is listened on for it reach its own port? */
	NET_TELL_NAME,	/* names[0] led to address, for seconds; before the app hears of it */
	NET_BEGINS,	/* something waits for the network, or is served. Where it comes from the
			 * program, with it a memory file of NET_ROWS_MAX net_bytes */
};

struct net_question {
	uint64_t id; /* never 0 but of what is told */
	uint32_t kind;
	uint32_t n_names;    /* newest first */
	uint32_t consented;  /* a person has just allowed the name for once: nothing to ask */
	uint32_t full;	     /* nothing more can wait here: do not ask, deny */
	uint32_t protocol;   /* enum net_protocol */
	uint16_t family;     /* AF_INET, AF_INET6 */
	uint16_t port;	     /* host order */
	uint32_t seconds;    /* NET_TELL_NAME */
	uint8_t address[16]; /* network order; an IPv4 address has four bytes */
	char names[NET_NAMES_MAX][NET_NAME_SIZE];
};

struct net_answer {
	uint64_t id;
	uint32_t verdict; /* enum consent_verdict */
	uint32_t late;
	uint32_t row; /* of the account, where it may */
};

/* What the flows of one row of the account carried, without headers. In memory that
 * appsilo-net writes and the judge only reads: counting costs no message, so that no flood of
 * flows is one of messages, and no end of appsilo-net takes it away. */
struct net_bytes {
	uint64_t sent, received;
};

struct net_listen {
	uint16_t family;
	uint16_t port, inner_port;
	uint8_t address[16]; /* of the host, to listen on */
};

struct net_setup {
	uint32_t private_names; /* names may lead to private addresses */
	uint32_t n_listen;
	struct net_listen listen[NET_LISTEN_MAX];
};

enum net_handover_fd {
	NET_HANDOVER_TUNNEL,
	NET_HANDOVER_NAMES_UDP, /* bound to port 53 of the sandbox's loopback */
	NET_HANDOVER_NAMES_TCP, /* the same, listening */
	NET_HANDOVER_FDS,
};

struct net_handover {
	uint32_t has_ip6;
	uint32_t n_loopback; /* messages that follow */
};

/* The sandbox's end of the tunnel, and the user-mode network's. RFC 7335: addresses that are
 * nobody's anywhere; RFC 4193: a prefix of ours. */
#define NET_INNER_ADDRESS 0xc0000002u	/* 192.0.0.2 */
#define NET_GATEWAY_ADDRESS 0xc0000001u /* 192.0.0.1 */
#define NET_SPARE_ADDRESS 0xc0000003u	/* 192.0.0.3; libslirp wants one for its name server */
#define NET_NETWORK_ADDRESS 0xc0000000u
#define NET_NETWORK_MASK 0xfffffff8u
#define NET_INNER_ADDRESS6 "fd61:7070:7369:6c6f::2"
#define NET_GATEWAY_ADDRESS6 "fd61:7070:7369:6c6f::1"
#define NET_SPARE_ADDRESS6 "fd61:7070:7369:6c6f::3"
#define NET_NETWORK_ADDRESS6 "fd61:7070:7369:6c6f::"
#define NET_NETWORK_BITS6 64
#define NET_TUNNEL_MTU 65520

#endif
