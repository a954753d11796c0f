/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run over a websocket: the client's first message is the request, then come its input, the end
 * of it, or that the run shall end; the run's events go back. Each has a thread, which waits for
 * its client; a worker is taken only for the run itself. docs: appsilo-serve(1).
 */
#ifndef APPSILO_SERVER_WEBSOCKET_H
#define APPSILO_SERVER_WEBSOCKET_H

#include "base/cleanup.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct api_error;
struct clients;
struct exchange;
struct job;
struct worker;
struct MHD_Response;

/* What a kind of websocket runs. */
struct websocket_kind {
	/* The first message, all but input: gives x->job its data, also when it fails. Returns 0; -errno, @e set. */
	int (*decode)(struct exchange *x, const char *body, size_t size, struct api_error *e);
	void (*work)(struct job *job, struct worker *worker);
};

/* Those of a server. Thread-safe. */
struct websockets {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t none;
	uint64_t n, max;
	bool closed; /* no more come */
};

void websockets_init(struct websockets *all, uint64_t max);
/** As many as there may be are there. */
bool websockets_full(struct websockets *all);
/** No more come; hang up on all of @clients, and wait until the last websocket has let go. */
void websockets_end(struct websockets *all, struct clients *clients);

/** For routes: let @x's connection become one, or refuse. */
void websocket_begin(struct exchange *x, const struct websocket_kind *kind);

/** The response that makes @x's connection one, of the kind x->upgrade. NULL: no memory. */
struct MHD_Response *websocket_response(struct exchange *x);

#endif
