/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the host's name servers: by UDP from a port of its own, by TCP where the
 * answer was cut, each server twice. Never blocks. One thread.
 */
#ifndef APPSILO_TRANSPORT_UPSTREAM_H
#define APPSILO_TRANSPORT_UPSTREAM_H

#include "transport/host_names.h"

#define UPSTREAM_TRY_MS 3000
#define UPSTREAM_ROUNDS 2
#define UPSTREAM_TCP_MAX 16384

enum upstream_state { UPSTREAM_WAITS, UPSTREAM_ANSWERED, UPSTREAM_FAILED };

struct upstream {
	const struct host_names *host; /* borrowed */
	const char *name;	       /* borrowed */
	uint16_t type, id;
	int fd; /* owned; -EBADF: none */
	bool tcp, sent;
	unsigned int tries;
	int64_t until_ms;
	uint8_t *buffer; /* TCP: owned */
	size_t used;
};

/** Send the first question. @u is zeroed but for fd -EBADF. */
enum upstream_state upstream_start(struct upstream *u, const struct host_names *host,
				   const char *name, uint16_t type, int64_t now_ms);

/** What to poll u->fd for. */
short upstream_events(const struct upstream *u);

/** After poll, or when until_ms has come. @ret is set with UPSTREAM_ANSWERED. */
enum upstream_state upstream_step(struct upstream *u, short events, int64_t now_ms,
				  struct dns_answer *ret);

void upstream_done(struct upstream *u);

#endif
