/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/run: one run, answered whole or as events, or over a websocket (/v1/run/ws); DELETE /v1/runs/ID ends one. */
#include "server/handshake.h"
#include "server/routes.h"
#include "server/stream.h"

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

void route_run_socket(struct exchange *x)
{
	struct api_error e;

	if (handshake_check(x, &e) < 0)
		exchange_error(x, &e);
	else if (atomic_load(&x->server->draining))
		exchange_fail(x, 503, "draining", "the server is shutting down");
	else if (websockets_full(&x->server->websockets))
		exchange_fail(x, 429, "queue-full", "too many websockets are open");
	else
		x->upgrade = run_socket;
}

void route_cancel(struct exchange *x)
{
	if (queue_cancel(&x->server->queue, x->tenant, x->segment[0]))
		exchange_json(x, 202, json_pack("{s:s}", "id", x->segment[0]));
	else
		exchange_fail(x, 404, "not-found", "there is no such run");
}
