/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most runs that may ask about hosts reach none: the network's program is started by the
 * first packet, look-up or connection that waits for it. The handover of init's descriptors
 * is only looked at here; the program itself takes it.
 */
#ifndef APPSILO_BROKER_NET_WATCH_H
#define APPSILO_BROKER_NET_WATCH_H

#include "broker/net_program.h"
#include "isolation/net_wire.h"
#include <poll.h>

#define NET_WATCH_POLL_MAX NET_HANDOVER_FDS

struct net_watch {
	struct net_program program; /* NET_PROGRAM_NONE: nothing to watch (any more) */
	bool handed;		    /* init has made the network */
	int fds[NET_HANDOVER_FDS];  /* owned; what the program will serve */
};

/** Fill at most NET_WATCH_POLL_MAX entries. Returns how many. */
size_t net_watch_entries(const struct net_watch *watch, struct pollfd *ret);

/** Act on what poll() said about these. */
void net_watch_step(struct net_watch *watch, const struct pollfd *polled, size_t n);

#endif
