/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

#include "server/routes.h"
#include "server/stream.h"
#include <microhttpd.h>
#include <string.h>

const char *exchange_header(const struct exchange *x, const char *name)
{
	return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

void exchange_text(struct exchange *x, int status, const char *type, char *text)
{
	free(x->reply);
	x->reply = text;
	x->reply_size = text ? strlen(text) : 0;
	x->status = text ? status : 503;
	x->type = type;
}

void exchange_json(struct exchange *x, int status, json_t *object)
{
	exchange_text(x, status, TYPE_JSON, reply_text(object));
}

void exchange_error(struct exchange *x, const struct api_error *e)
{
	if (e != &x->error)
		x->error = *e;
	exchange_text(x, e->status, TYPE_JSON,
		      x->route && x->route->flags & ROUTE_PISTON ? reply_message(e) : reply_error(e));
}

void exchange_fail(struct exchange *x, int status, const char *code, const char *message)
{
	struct api_error e;

	(void)api_error_set(&e, status, code, "%s", message);
	exchange_error(x, &e);
}

void exchange_job(struct exchange *x, void (*work)(struct job *, struct worker *), void *data,
		  void (*free_data)(void *))
{
	x->job = job_new(x->tenant, work);
	if (!x->job) {
		free_data(data);
		exchange_fail(x, 503, "no-resources", "the server is out of resources");
		return;
	}
	x->job->data = data;
	x->job->free_data = free_data;
	x->job->message_errors = x->route->flags & ROUTE_PISTON;
}

void job_json(struct job *job, int status, json_t *object)
{
	free(job->reply);
	job->reply = reply_text(object);
	job->status = job->reply ? status : 503;
}

void job_error(struct job *job, const struct api_error *e)
{
	free(job->reply);
	job->reply = job->message_errors ? reply_message(e) : reply_error(e);
	job->status = e->status;
	job->reason = e->code;
}

void job_answer(struct job *job, json_t *object, const struct api_error *e)
{
	if (e)
		job_error(job, e);
	else if (!job->stream)
		job_json(job, 200, object);
	if (!job->stream)
		return;
	if (e)
		object = json_pack("{s:{s:s,s:s}}", "error", "code", e->code, "message", e->message);
	stream_flush(job->stream);
	stream_event(job->stream, e ? "error" : "result", object);
}

struct run_control job_control(struct job *job)
{
	struct run_control control = {.cancel_fd = job->cancel_fd, .client_fd = job->client_fd,
				      .wake_fd = -EBADF,
				      .input_fd = job->input_fd >= 0 ? &job->input_fd : NULL};

	if (job->stream)
		stream_control(job->stream, &control);
	return control;
}

void exchange_free_request(void *request)
{
	if (request)
		request_done(request);
	free(request);
}

struct run_request *exchange_decode(struct exchange *x,
				    int (*decode)(const struct exchange *x, struct run_request *ret,
						  struct api_error *e))
{
	struct run_request *request = calloc(1, sizeof(*request));
	struct api_error e;

	if (!request) {
		exchange_fail(x, 503, "no-memory", "the server is out of memory");
		return NULL;
	}
	if (decode(x, request, &e) == 0)
		return request;
	exchange_free_request(request);
	exchange_error(x, &e);
	return NULL;
}

void exchange_stream(struct exchange *x)
{
	x->job->stream = stream_new(x->connection, x->client, x->job);
	if (x->job->stream) {
		stream_event(x->job->stream, "start", json_pack("{s:s}", "id", x->job->id));
		return;
	}
	job_unref(TAKE_PTR(x->job));
	exchange_fail(x, 503, "no-resources", "the server is out of resources");
}
