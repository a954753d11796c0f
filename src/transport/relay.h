/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the host's loopback that `appsilo loopback add` opened to the app. No packet can
 * go there: the sandbox has a 127.0.0.1 of its own. So on each such port of it somebody
 * listens, and each connection, once judged, is passed on, byte by byte. One thread.
 */
#ifndef APPSILO_TRANSPORT_RELAY_H
#define APPSILO_TRANSPORT_RELAY_H

#include "base/cleanup.h"
#include "transport/judge.h"
#include <poll.h>

/* Connections at once; more wait in the sandbox. */
#define RELAYS_MAX 64
#define RELAY_POLL_MAX (NET_LOOPBACK_MAX + 2 * RELAYS_MAX)

struct relays;

/** @judge borrowed. It lives as long as the process. Returns NULL when out of memory. */
struct relays *relays_new(struct judge *judge);

/** Pass on what comes to @fd, taken over: non-blocking, listening. At most NET_LOOPBACK_MAX. */
void relays_listen(struct relays *relays, int fd, uint16_t port);

/** What to poll, into @ret. Returns how many. */
size_t relays_poll(struct relays *relays, struct pollfd ret[RELAY_POLL_MAX]);

/** After poll: with the same array. */
void relays_step(struct relays *relays, const struct pollfd *fds);

#endif
