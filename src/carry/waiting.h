/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of blocking sockets whose connection is under way. The kernel tells nobody that a caller
 * has gone: what waits for it ends with the connection, or when its thread calls again. One thread.
 */
#ifndef APPSILO_CARRY_WAITING_H
#define APPSILO_CARRY_WAITING_H

#include "carry/call.h"

/* One descriptor each. */
#define WAITING_MAX 4096

struct waiting;

/** Returns 0; -errno. */
int waiting_new(struct waiting **ret) must_check;

/** Whose notifications are answered; borrowed. Before anything else. */
void waiting_listen(struct waiting *waiting, int listener_fd);

/** Polled for input. */
int waiting_fd(const struct waiting *waiting);
bool waiting_is_empty(const struct waiting *waiting);

/** Answer @call when @socket_fd (taken over) has connected, or its SO_SNDTIMEO is over.
 * Returns 0; -ENOBUFS; -errno. */
int waiting_add(struct waiting *waiting, const struct call *call, int socket_fd) must_check;

/** Answer those that waiting_fd() announced. */
void waiting_step(struct waiting *waiting);

/** Answer notification @id: 0 or -errno. */
void waiting_reply(int listener_fd, uint64_t id, int code);

#endif
