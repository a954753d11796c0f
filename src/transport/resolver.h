/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's name server, on port 53 of its own loopback. A name is judged before
 * anything is asked outside: no query leaves for a refused one. Addresses that names lead to
 * are told to the judge of connections (names.h); private ones are dropped unless private
 * networks are allowed, the host's own always (DNS rebinding). One thread.
 */
#ifndef APPSILO_TRANSPORT_RESOLVER_H
#define APPSILO_TRANSPORT_RESOLVER_H

#include "transport/host_names.h"
#include "transport/judge.h"
#include "transport/names.h"
#include <poll.h>

/* Names looked up, or asked about, at once. */
#define RESOLVER_LOOKUPS_MAX 64
#define RESOLVER_CLIENTS_MAX 8
#define RESOLVER_POLL_MAX (2 + RESOLVER_CLIENTS_MAX + RESOLVER_LOOKUPS_MAX)

struct resolver;

struct resolver_config {
	int udp_fd, tcp_fd;	       /* borrowed; both non-blocking, the second listening */
	struct host_names *host; /* borrowed */
	struct judge *judge;	       /* borrowed */
	struct names *names;	       /* borrowed */
	bool private_names;
};

/** It lives as long as the process. Returns NULL when out of memory. */
struct resolver *resolver_new(const struct resolver_config *config);

/** What to poll, and nothing else (poll(2) counts what it ignores, too), into @ret; bounds @timeout_ms (-1: none). Returns how many. */
size_t resolver_poll(struct resolver *resolver, struct pollfd ret[RESOLVER_POLL_MAX], int64_t now_ms,
		     int *timeout_ms);

/** After poll: with the same array. */
void resolver_step(struct resolver *resolver, const struct pollfd *fds, int64_t now_ms);

/** A late answer to a question; not one of ours: ignored. */
void resolver_answered(struct resolver *resolver, uint64_t question, enum consent_verdict verdict,
		       int64_t now_ms);

/** Rules have changed: what was judged is judged again. */
void resolver_doubt(struct resolver *resolver);

#endif
