/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/run: one run, answered whole or as events, or over a websocket (/v1/run/ws); DELETE /v1/runs/ID ends one. */
#include "server/routes.h"
#include "server/stream.h"
#include "server/websocket.h"

static int decode(const struct exchange *x, struct run_request *ret, struct api_error *e)
{
	return request_decode(x->body, x->body_size, &x->server->policy, ret, e);
}

static void run(struct job *job, struct worker *worker)
{
	const struct run_request *request = job->data;
	struct run_control control = job_control(job);
	cleanup(run_outcome_done) struct run_outcome outcome = {0};
	struct api_error e;
	int r = run_job(job, worker, request, &control, &outcome, &e);
	json_t *object = r == 0 ? reply_run(request, &outcome, !job->stream) : NULL;

	job_answer(job, object, r < 0 ? &e : NULL);
}

void route_run(struct exchange *x)
{
	struct run_request *request = exchange_decode(x, decode);
	bool stream;

	if (!request)
		return;
	stream = request->stream || x->wants_events;
	exchange_job(x, run, request, exchange_free_request);
	if (x->job && stream)
		exchange_stream(x);
}

static void run_socket(struct job *job, struct worker *worker)
{
	stream_event(job->stream, "start", json_pack("{s:s}", "id", job->id));
	run(job, worker);
}

static int decode_socket(struct exchange *x, const char *body, size_t size, struct api_error *e)
{
	struct run_request *request = calloc(1, sizeof(*request));
	int r;

	if (!request)
		return api_error_set(e, 503, "no-memory", "the server is out of memory");
	x->job->data = request;
	x->job->free_data = exchange_free_request;
	r = request_decode(body, size, &x->server->policy, request, e);
	return r == 0 ? request_without_input(request, e) : r;
}

void route_run_socket(struct exchange *x)
{
	static const struct websocket_kind kind = {decode_socket, run_socket};

	websocket_begin(x, &kind);
}

void route_cancel(struct exchange *x)
{
	if (queue_cancel(&x->server->queue, x->tenant, x->segment[0]))
		exchange_json(x, 202, json_pack("{s:s}", "id", x->segment[0]));
	else
		exchange_fail(x, 404, "not-found", "there is no such run");
}
