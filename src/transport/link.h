/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the sandbox's tunnel and libslirp, which carries out as ordinary sockets of this
 * process what packets ask for. The tunnel has no link layer; libslirp has, so frames are
 * made and taken apart here. Nothing reaches libslirp but packets that packet_parse() took
 * and the caller let through. One thread.
 */
#ifndef APPSILO_TRANSPORT_LINK_H
#define APPSILO_TRANSPORT_LINK_H

#include "base/error.h"
#include "isolation/net_wire.h"
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct link;

struct packet;

/* A packet for the sandbox, of what packet_parse_inbound() takes; the rest is errors about
 * what was let out. Returns false to drop it. */
typedef bool (*link_incoming_fn)(void *data, const struct packet *packet);

/**
 * @tunnel_fd  borrowed, non-blocking
 * @incoming   called with @data, from link_step() and link_forward()
 * Returns 0; -errno with the line.
 */
int link_new(int tunnel_fd, bool has_ip6, link_incoming_fn incoming, void *data, struct link **ret,
	     struct appsilo_error *err) must_check;
void link_free(struct link *link);

/** --publish: listen on the host for @where. Returns 0; -errno with the line. */
int link_publish(struct link *link, const struct net_listen *where, struct appsilo_error *err) must_check;

/** The next packet of the sandbox, in memory of the link's until the next call. Returns its
 * size; 0: none now; -errno: the tunnel has gone. */
ssize_t link_receive(struct link *link, const uint8_t **ret);

/** Let a packet from link_receive(), or a copy of one, through to the outside. */
void link_forward(struct link *link, const uint8_t *packet, size_t size);

/** Give the sandbox a packet that we made. */
void link_answer(struct link *link, const uint8_t *packet, size_t size);

/** Descriptors to poll besides @fixed ones of the caller, who fills the first of them in.
 * The array is the link's. Bounds @timeout_ms (-1: none). Returns NULL when out of memory. */
struct pollfd *link_poll(struct link *link, size_t fixed, size_t *ret_n, int *timeout_ms);

/** After poll() of that array. */
void link_step(struct link *link, bool failed);

DEFINE_CLEANUP(struct link *, link_free)

#endif
