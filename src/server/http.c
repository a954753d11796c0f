/* SPDX-License-Identifier: Apache-2.0 */
#include "server/http.h"

#include "base/clock.h"
#include "server/admission.h"
#include "server/clients.h"
#include "server/event_log.h"
#include "server/routes.h"
#include "server/stream.h"
#include <fcntl.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>

#define HEADER_MS 10000	  /* for the head of a request */
#define IDLE_MS 60000	  /* between two requests */
#define TRANSFER_MS 15000 /* for a body or an answer, and more for a large one: */
#define BYTES_PER_MS 64
#define HEADER_BYTES 32768 /* of one request, and what is being sent */
/* Nothing from elsewhere, nothing inline, in no frame; figures come as data. */
#define PAGE_POLICY \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define DROP_BYTES ((size_t)64 << 20) /* of a refused body, and only as long as it has time */

static int64_t transfer_ms(size_t size)
{
	return TRANSFER_MS + (int64_t)(size / BYTES_PER_MS);
}

static void exchange_free(struct exchange *x)
{
	atomic_fetch_sub(&x->server->metrics.body_bytes, x->charged);
	job_unref(x->job);
	free(x->method);
	free(x->path);
	free(x->body);
	free(x->reply);
	free(x);
}

static struct exchange *exchange_new(struct server *s, struct MHD_Connection *connection,
				     const char *method, const char *path)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->server = s;
	x->connection = connection;
	x->client = info ? info->socket_context : NULL;
	x->start_ms = clock_monotonic_ms();
	x->method = strdup(method);
	x->path = strdup(path);
	if (x->client && x->method && x->path)
		return x;
	exchange_free(x);
	return NULL;
}

static void add_headers(struct exchange *x, struct MHD_Response *response)
{
	char seconds[16];

	(void)MHD_add_response_header(response, "Content-Type", x->type);
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "Cache-Control", "no-store");
	if (x->is_page)
		(void)MHD_add_response_header(response, "Content-Security-Policy", PAGE_POLICY);
	if (x->is_page)
		(void)MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	if (x->allow)
		(void)MHD_add_response_header(response, "Allow", x->allow);
	if (x->status == 401)
		(void)MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
	if (x->status == 426) {
		(void)MHD_add_response_header(response, "Upgrade", "websocket");
		(void)MHD_add_response_header(response, "Sec-WebSocket-Version", "13");
	}
	if (x->error.retry_after_s) {
		snprintf(seconds, sizeof(seconds), "%u", x->error.retry_after_s);
		(void)MHD_add_response_header(response, "Retry-After", seconds);
	}
	if (x->job)
		(void)MHD_add_response_header(response, "X-Run-Id", x->job->id);
	if (*x->session_id)
		(void)MHD_add_response_header(response, "Mcp-Session-Id", x->session_id);
	if (atomic_load(&x->server->draining))
		(void)MHD_add_response_header(response, "Connection", "close");
	admission_headers(x, response);
}

static enum MHD_Result send_answer(struct exchange *x, struct MHD_Response *response)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	add_headers(x, response);
	x->state = EXCHANGE_ANSWERED;
	r = MHD_queue_response(x->connection, (unsigned int)x->status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result answer(struct exchange *x)
{
	size_t size = x->fixed_reply ? x->fixed_size : x->reply_size;

	if (!x->reply && !x->fixed_reply)
		return MHD_NO;
	client_deadline(x->client, transfer_ms(size));
	if (x->fixed_reply)
		return send_answer(x, MHD_create_response_from_buffer(size, (void *)x->fixed_reply,
								      MHD_RESPMEM_PERSISTENT));
	return send_answer(x, MHD_create_response_from_buffer(size, TAKE_PTR(x->reply),
							      MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result answer_stream(struct exchange *x)
{
	x->status = 200;
	x->type = "text/event-stream";
	return send_answer(x, stream_response(x->job->stream));
}

static enum MHD_Result answer_upgrade(struct exchange *x)
{
	struct MHD_Response *response = websocket_response(x);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	x->status = MHD_HTTP_SWITCHING_PROTOCOLS;
	x->state = EXCHANGE_ANSWERED;
	client_deadline(x->client, transfer_ms(0));
	r = MHD_queue_response(x->connection, (unsigned int)x->status, response);
	MHD_destroy_response(response);
	return r;
}

/* The worker watches the socket while the connection is asleep. */
static void watch_client(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (info)
		x->job->client_fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
}

static enum MHD_Result submit(struct exchange *x)
{
	struct api_error e;
	struct job *refused;

	x->state = EXCHANGE_WORKING;
	client_deadline(x->client, 0);
	watch_client(x);
	if (x->job->stream) {
		if (queue_submit(&x->server->queue, x->job, &e) == 0)
			return answer_stream(x);
	} else {
		x->job->connection = x->connection;
		MHD_suspend_connection(x->connection);
		if (queue_submit(&x->server->queue, x->job, &e) == 0)
			return MHD_YES;
		MHD_resume_connection(x->connection);
	}
	refused = TAKE_PTR(x->job);
	exchange_error(x, &e);
	if (refused->connection) {
		job_unref(refused);
		return MHD_YES; /* comes back once it is resumed */
	}
	stream_abandon(refused->stream);
	job_unref(refused);
	return answer(x);
}

static enum MHD_Result handle(struct exchange *x)
{
	if (x->error.status)
		exchange_error(x, &x->error);
	else
		x->route->handle(x);
	if (x->upgrade)
		return answer_upgrade(x);
	return x->job ? submit(x) : answer(x);
}

/* Awake again: the worker has done it. */
static enum MHD_Result finish(struct exchange *x)
{
	if (x->job) {
		x->status = x->job->status;
		x->type = TYPE_JSON;
		x->reply = TAKE_PTR(x->job->reply);
		x->reply_size = x->reply ? strlen(x->reply) : 0;
	}
	return answer(x);
}

/* A refused body is read to its end, up to a size, so that the client hears why. */
static enum MHD_Result drop(struct exchange *x, size_t size)
{
	x->dropped += size;
	return x->dropped > DROP_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_body(struct exchange *x, const char *data, size_t size)
{
	size_t need = x->body_size + size, capacity;
	char *bigger;

	if (x->error.status)
		return drop(x, size);
	if (need > x->server->options.body_bytes) {
		(void)api_error_set(&x->error, 413, "too-large", "the body is larger than %llu bytes",
				    (unsigned long long)x->server->options.body_bytes);
		return drop(x, size);
	}
	if (need <= x->body_capacity) {
		memcpy(x->body + x->body_size, data, size);
		x->body_size = need;
		return MHD_YES;
	}
	capacity = need * 2 < x->server->options.body_bytes ? need * 2 : x->server->options.body_bytes;
	if (!metrics_hold_bytes(&x->server->metrics, &x->charged, capacity)) {
		(void)api_error_set(&x->error, 429, "busy", "too many large requests at once");
		x->error.retry_after_s = 5;
		return drop(x, size);
	}
	bigger = realloc(x->body, capacity);
	if (!bigger)
		return MHD_NO;
	x->body = bigger;
	x->body_capacity = capacity;
	return take_body(x, data, size);
}

static enum MHD_Result begin(struct server *s, struct MHD_Connection *connection, const char *path,
			     const char *method, void **context)
{
	struct exchange *x = exchange_new(s, connection, method, path);
	size_t announced;

	if (!x)
		return MHD_NO;
	*context = x;
	client_idle(x->client, false);
	announced = admission_check(x);
	client_deadline(x->client, transfer_ms(announced));
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *path,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	struct exchange *x = *context;
	enum MHD_Result r;

	(void)version;
	if (!x)
		return begin(cls, connection, path, method, context);
	if (*size) {
		r = take_body(x, data, *size);
		*size = 0;
		return r;
	}
	return x->state == EXCHANGE_WORKING ? finish(x) : handle(x);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct server *s = cls;
	struct exchange *x = *context;
	bool sent = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;

	(void)connection;
	if (!x)
		return;
	*context = NULL;
	client_deadline(x->client, IDLE_MS);
	client_idle(x->client, true);
	metrics_request(&s->metrics, (unsigned int)x->status);
	if (!s->options.quiet)
		event_request(&(struct event_request){
			.method = x->method,
			.path = x->path,
			.tenant = x->tenant ? x->tenant->name : NULL,
			.run = x->job ? x->job->id : NULL,
			.reason = x->job ? x->job->reason : x->error.status ? x->error.code : NULL,
			.status = sent ? (unsigned int)x->status : 0,
			.ms = clock_monotonic_ms() - x->start_ms,
		});
	exchange_free(x);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct server *s = cls;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		clients_remove(*context);
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = info ? clients_add(&s->clients, info->connect_fd) : NULL;
	if (*context)
		client_deadline(*context, HEADER_MS);
}

/* The path as it came: what it means is decided once, here. A NUL would cut it, and what is left be somebody else's:
 * it becomes a control character that stands in no path there is and in no file name. */
static size_t unescape(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls;
	(void)connection;
	for (char *at = text; (at = strstr(at, "%00")); at += 3)
		at[2] = '1';
	return MHD_http_unescape(text);
}

static void on_library_log(void *cls, const char *format, va_list args)
{
	/* It tells of clients that break off, which is no news. */
	(void)cls;
	(void)format;
	(void)args;
}

int http_start(struct server *s, int listen_fd, struct MHD_Daemon **ret, struct appsilo_error *err)
{
	unsigned int threads = s->options.workers < 4 ? (unsigned int)s->options.workers : 4;
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
			     MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, (intptr_t)s->options.connections, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_BYTES, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, IDLE_MS / 1000, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, threads, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	int r = clients_start(&s->clients);

	if (r < 0)
		return error_set(err, r, "serve: start a thread");
	*ret = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER,
				on_library_log, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
				MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_ARRAY, items,
				MHD_OPTION_END);
	return *ret ? 0 : error_say(err, -EIO, "serve: libmicrohttpd does not start; raise the limit of "
				    "open files or lower --connections");
}

void http_quiesce(struct MHD_Daemon *daemon)
{
	int fd = MHD_quiesce_daemon(daemon);

	close_keep_errno(fd);
}

void http_stop(struct MHD_Daemon *daemon)
{
	MHD_stop_daemon(daemon);
}
