/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/run: one run, answered whole or as events; DELETE /v1/runs/ID ends one. */
#include "server/routes.h"
#include "server/stream.h"

static void free_request(void *data)
{
	request_done(data);
	free(data);
}

static void send_end(struct job *job, json_t *object, const struct api_error *e)
{
	if (e)
		object = json_pack("{s:{s:s,s:s}}", "error", "code", e->code, "message", e->message);
	stream_flush(job->stream);
	stream_event(job->stream, e ? "error" : "result", object);
}

static void run(struct job *job, struct worker *worker)
{
	struct server *s = worker->server;
	const struct run_request *request = job->data;
	struct run_control control = job_control(job);
	cleanup(work_dir_close) struct work_dir dir = {.work_fd = -EBADF};
	struct run_place place = {&s->backend, &dir, job->tenant->name};
	struct run_outcome outcome = {0};
	struct appsilo_error err;
	struct api_error e;
	int r = server_open_dir(worker, request->limits.disk_bytes, &dir, &err);

	if (r < 0)
		r = api_error_set(&e, 503, "no-resources", "%s", err.line);
	else
		r = run_request(&place, request, &control, &outcome, &e);
	if (r == 0) {
		const struct sandbox_result *result = &run_last_step(&outcome)->result;
		json_t *object = reply_run(request, &outcome, !job->stream);

		job->reason = sandbox_reason_word(result->reason);
		metrics_run(&s->metrics, result);
		if (job->stream)
			send_end(job, object, NULL);
		else
			job_json(job, 200, object);
	} else if (job->stream) {
		send_end(job, NULL, &e);
	} else {
		job_error(job, &e);
	}
	run_outcome_done(&outcome);
}

static void start_stream(struct exchange *x)
{
	x->job->stream = stream_new(x->connection, x->client, x->job);
	if (x->job->stream) {
		stream_event(x->job->stream, "start", json_pack("{s:s}", "id", x->job->id));
		return;
	}
	job_unref(TAKE_PTR(x->job));
	exchange_fail(x, 503, "no-resources", "the server is out of resources");
}

void route_run(struct exchange *x)
{
	struct run_request *request = malloc(sizeof(*request));
	struct api_error e;
	bool stream;

	if (!request) {
		exchange_fail(x, 503, "no-memory", "the server is out of memory");
		return;
	}
	if (request_decode(x->body, x->body_size, &x->server->policy, request, &e) < 0) {
		free_request(request);
		exchange_error(x, &e);
		return;
	}
	stream = request->stream || x->wants_events;
	exchange_job(x, run, request, free_request);
	if (x->job && stream)
		start_stream(x);
}

void route_cancel(struct exchange *x)
{
	if (queue_cancel(&x->server->queue, x->tenant, x->segment[0]))
		exchange_json(x, 202, json_pack("{s:s}", "id", x->segment[0]));
	else
		exchange_fail(x, 404, "not-found", "there is no such run");
}
