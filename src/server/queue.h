/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that wait for a worker, fairly: each tenant has a line of its own and the tenants take
 * turns, so that one who floods only waits longer himself. It is bounded; what does not fit is
 * refused with the time after which to come again. Thread-safe.
 */
#ifndef APPSILO_SERVER_QUEUE_H
#define APPSILO_SERVER_QUEUE_H

#include "server/api_error.h"
#include "server/tenants.h"
#include <pthread.h>
#include <stdatomic.h>

struct worker;
struct stream;
struct MHD_Connection;

#define JOB_ID_SIZE 33

/*
 * One request's work. It has two holders, the connection and the worker; the last frees it.
 * Until it is done it belongs to the worker, then to the connection.
 */
struct job {
	atomic_int refs;
	char id[JOB_ID_SIZE];
	struct tenant *tenant; /* borrowed */
	/* Run by a worker; fills status and reply, or sends to the stream. */
	void (*work)(struct job *job, struct worker *worker);
	void (*free_data)(void *data);
	void *data;	       /* owned by free_data */
	int cancel_fd;	       /* eventfd: readable when it should end; owned */
	atomic_bool cancelled; /* by the client or the drain */
	bool is_off; /* was ended before its turn came: no run of it begins */
	int client_fd;	       /* a copy of the connection's socket, or -EBADF; owned */
	int input_fd;	       /* input that comes while it runs, or -EBADF; owned */
	struct stream *stream; /* NULL: one reply; owned */
	struct MHD_Connection *connection; /* resumed when done; NULL with a stream */
	int status;
	char *reply; /* owned */
	const char *reason; /* for the log */
	bool message_errors; /* as {"message"} */
	struct job *next;	 /* in a tenant's line */
	struct job *before, *after; /* in the registry */
	int64_t submitted_ms, started_ms;
};

/** A new job with a random id. NULL: no memory or descriptors. */
struct job *job_new(struct tenant *tenant, void (*work)(struct job *, struct worker *));
void job_ref(struct job *job);
void job_unref(struct job *job);
/** Ask it to end. Any thread that holds it. */
void job_cancel(struct job *job);

struct queue {
	pthread_mutex_t lock; /* guards all below, and the counts in the tenants */
	pthread_cond_t wake;  /* something may be taken, or nothing runs any more */
	struct tenants *tenants; /* borrowed */
	size_t turn;
	uint64_t workers, waiting_max, waiting, running;
	bool closed; /* takes no more */
	bool ended;  /* workers leave */
	int64_t mean_ms; /* of the last runs, smoothed */
	struct job *jobs;    /* registry: waiting and running; borrowed */
};

void queue_init(struct queue *q, struct tenants *tenants, uint64_t workers, uint64_t waiting_max);
void queue_done(struct queue *q);

/** Line up. Takes a reference. Returns 0; -EBUSY with @e set (429 or 503). */
int queue_submit(struct queue *q, struct job *job, struct api_error *e) must_check;

/** The next job; waits for one. NULL: the worker is to leave. */
struct job *queue_take(struct queue *q);

/** The worker has done @job; gives the reference back. */
void queue_finish(struct queue *q, struct job *job);

/** Cancel the job @id of @tenant. False: there is none. */
bool queue_cancel(struct queue *q, const struct tenant *tenant, const char *id);
void queue_cancel_all(struct queue *q);

/** Refuse new jobs from now on. */
void queue_close(struct queue *q);
/** Wait until nothing waits or runs, at most @timeout_ms. False: something still does. */
bool queue_wait_idle(struct queue *q, int64_t timeout_ms);
/** Let the workers leave. */
void queue_end(struct queue *q);

#endif
