/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's way out, made by init while it has capabilities in its new network
 * namespace: a tunnel device with addresses and routes, and sockets for the sandbox's name
 * server. Their descriptors go to appsilo-net; the app has none of them, and no right to make
 * another. docs/ARCHITECTURE.md, Network.
 */
#ifndef APPSILO_ISOLATION_TUNNEL_H
#define APPSILO_ISOLATION_TUNNEL_H

#include "isolation/plan.h"

/* Folders of the host's, from before another thread takes its root away. */
struct tunnel_places {
	int dev_fd;    /* /dev/net; -EBADF: not there */
	int sysctl_fd; /* /proc/sys; -EBADF: not there */
};

void tunnel_find_places(struct tunnel_places *ret);
void tunnel_places_done(struct tunnel_places *places);

struct tunnel {
	int fds[NET_HANDOVER_FDS]; /* owned */
	bool has_ip6;
};

#define TUNNEL_NONE {.fds = {[0 ... NET_HANDOVER_FDS - 1] = -EBADF}}

/**
 * Make all of it in the calling thread's network namespace. Needs CAP_NET_ADMIN and
 * CAP_NET_BIND_SERVICE there.
 * @gid  may send echo requests
 * Returns 0; -errno with the line, and nothing is made.
 */
int tunnel_make(const struct tunnel_places *places, gid_t gid, struct tunnel *ret,
		struct appsilo_error *err) must_check;

bool tunnel_is_made(const struct tunnel *tunnel);

/** Send it over @plan's net_fd, as net_wire.h says. Returns 0; -errno with the line. */
int tunnel_hand_over(const struct tunnel *tunnel, const struct plan *plan,
		     struct appsilo_error *err) must_check;

void tunnel_done(struct tunnel *tunnel);

/** Could a tunnel be made in the calling thread's network namespace? Returns 0; -errno. */
int tunnel_try(const struct tunnel_places *places) must_check;

/** Wait until appsilo-net serves, and close @socket_fd. Returns 0; -errno with the line. */
int tunnel_wait(int socket_fd, struct appsilo_error *err) must_check;

#endif
