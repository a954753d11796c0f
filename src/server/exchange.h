/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer, between the HTTP library and the routes. Belongs to the thread of
 * its connection. A route either answers at once, or makes a job, which a worker answers.
 */
#ifndef APPSILO_SERVER_EXCHANGE_H
#define APPSILO_SERVER_EXCHANGE_H

#include "server/reply.h"
#include "server/server.h"

#define SEGMENT_MAX 1024

struct client;
struct route;

enum exchange_state { EXCHANGE_RECEIVING, EXCHANGE_WORKING, EXCHANGE_ANSWERED };

struct exchange {
	struct server *server;		   /* borrowed */
	struct client *client;		   /* borrowed */
	struct MHD_Connection *connection; /* borrowed */
	const struct route *route;	   /* NULL: none fits */
	struct tenant *tenant;		   /* borrowed */
	enum exchange_state state;
	char *method, *path;		   /* owned */
	char segment[2][SEGMENT_MAX];	   /* what stood for * in the route */
	char *body;			   /* owned */
	size_t body_size, body_capacity, dropped, charged;
	bool wants_events, text_body;
	struct api_error error;		   /* answered once the body is there */
	int64_t start_ms;
	/* The answer. */
	int status;
	const char *type;
	char *reply;			   /* owned */
	const char *fixed_reply;	   /* in place of it; static, of fixed_size */
	size_t reply_size, fixed_size;
	const char *allow;		   /* of 405 */
	char session_id[JOB_ID_SIZE];	   /* for Mcp-Session-Id; empty: none */
	bool is_page;			   /* what a browser shows: with a strict policy */
	struct job *job;		   /* a reference; NULL: none */
	const struct websocket_kind *upgrade; /* answered by a websocket of this kind; NULL: it is not */
};

#define TYPE_JSON "application/json"

/** A header of the request; NULL: it has none. Borrowed. */
const char *exchange_header(const struct exchange *x, const char *name);

void exchange_text(struct exchange *x, int status, const char *type, char *text);
void exchange_json(struct exchange *x, int status, json_t *object);
void exchange_error(struct exchange *x, const struct api_error *e);
void exchange_fail(struct exchange *x, int status, const char *code, const char *message);

/** Make the job that answers; @data goes with it. On failure answers 503 and frees @data. */
void exchange_job(struct exchange *x, void (*work)(struct job *, struct worker *), void *data,
		  void (*free_data)(void *));

/** Let the job's answer be events. */
void exchange_stream(struct exchange *x);

/** The request in the body, for a job. NULL: answered already. exchange_free_request() it. */
struct run_request *exchange_decode(struct exchange *x,
				    int (*decode)(const struct exchange *x, struct run_request *ret,
						  struct api_error *e));
void exchange_free_request(void *request);

/* For workers: the answer of a job. */
void job_json(struct job *job, int status, json_t *object);
void job_error(struct job *job, const struct api_error *e);
/** @e or, when it is NULL, @object with status 200; as the last event of a stream where there is one. */
void job_answer(struct job *job, json_t *object, const struct api_error *e);

/** What a job's run listens to. */
struct run_control job_control(struct job *job);

#endif
