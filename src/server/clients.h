/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open connections and how long each may still take: what a client sends byte by byte, or
 * does not read, holds nothing for ever (slowloris). Thread-safe.
 */
#ifndef APPSILO_SERVER_CLIENTS_H
#define APPSILO_SERVER_CLIENTS_H

#include "base/cleanup.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct client {
	struct clients *all; /* borrowed */
	int fd;		     /* the connection's socket; borrowed */
	atomic_llong deadline_ms; /* 0: none */
	atomic_bool idle;    /* between two requests */
	struct client *before, *after;
};

struct clients {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct client *first;
	bool ended;
	pthread_t thread;
	bool started;
};

int clients_start(struct clients *c) must_check;
void clients_stop(struct clients *c);

/** A connection came. NULL: no memory. */
struct client *clients_add(struct clients *c, int fd);
/** It is closed next. */
void clients_remove(struct client *client);

/** It has @ms from now on; 0: as long as it takes. */
void client_deadline(struct client *client, int64_t ms);

/** Between two requests (or before the first)? */
void client_idle(struct client *client, bool idle);
/** End the connections on which nothing is under way, or all. */
void clients_hang_up(struct clients *c, bool all);

/** How many there are. */
unsigned long long clients_count(struct clients *c);

#endif
