/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carried connections moved. Nobody of ours sees their bytes, and a descriptor kept until the end would keep
 * them open; but the kernel tells whoever listens (sock_diag(7), to anybody, as for `ss -E`) what each TCP socket
 * of the network namespace had sent and received when it is destroyed. It is listened to while a connection is open.
 */
#ifndef APPSILO_CARRY_METER_H
#define APPSILO_CARRY_METER_H

#include "base/cleanup.h"
#include "isolation/net_wire.h"

struct meter;

/** All that it opens it opens now. Returns 0; -errno. On a kernel that does not tell (CONFIG_INET_DIAG) all is 0. */
int meter_new(struct meter **ret) must_check;

/** Count what @socket_fd carries for row @row of the judge's account, up to its end. Any thread. */
void meter_add(struct meter *meter, int socket_fd, uint32_t row);

/** @socket_fd is about to be dissolved, connect(AF_UNSPEC): what it has carried is counted. Any thread. */
void meter_end(struct meter *meter, int socket_fd);

/**
 * Once, at the end: what was carried, by row. Waits a moment for what the kernel has still to tell. Without the
 * headers and what was sent again; the peer's end of a connection may count as one byte received. A lower bound: a
 * program that ends thousands of connections at once can have some forgotten.
 */
void meter_finish(struct meter *meter, struct net_bytes ret[NET_ROWS_MAX]);

#endif
