/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/http.h"

#include "base/clock.h"
#include "base/fd.h"
#include "mcp/call.h"
#include "server/event_log.h"
#include "server/http.h"
#include "server/job_id.h"
#include "server/listen.h"
#include "server/routes.h"
#include "server/stream.h"
#include <fcntl.h>
#include <microhttpd.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define SESSIONS_MAX 64
#define SESSION_IDLE_MS 3600000
#define WORKERS 16
#define CANCEL_MS 10000 /* for runs that were told to end */

struct row {
	struct mcp_session *session; /* owned; NULL: free */
	const struct tenant *tenant;
	char id[JOB_ID_SIZE];
	int64_t used_ms;
};

/* The server at the head: a route finds us by it. */
struct mcp_http {
	struct server server;
	const struct mcp *mcp;
	pthread_mutex_t lock; /* guards the rows */
	struct row rows[SESSIONS_MAX];
};

static struct mcp_http *of(const struct exchange *x)
{
	return (struct mcp_http *)x->server;
}

static struct mcp_session *take_row(struct row *row)
{
	struct mcp_session *session = TAKE_PTR(row->session);

	*row = (struct row){0};
	return session;
}

static void end_session(struct mcp_session *session)
{
	if (session)
		mcp_session_cancel(session);
	mcp_session_unref(session);
}

/* Under the lock. Whose calls go on is not idle. */
static bool is_idle(const struct row *row, int64_t now_ms)
{
	bool busy;

	if (!row->session || now_ms - row->used_ms < SESSION_IDLE_MS)
		return false;
	pthread_mutex_lock(&row->session->lock);
	busy = row->session->n_calls > 0;
	pthread_mutex_unlock(&row->session->lock);
	return !busy;
}

static void expire(struct mcp_http *h)
{
	int64_t now_ms = clock_monotonic_ms();

	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (is_idle(&h->rows[i], now_ms))
			end_session(take_row(&h->rows[i]));
	pthread_mutex_unlock(&h->lock);
}

/* Under the lock. Another tenant's session is none. */
static struct row *find_row(struct exchange *x)
{
	const char *id = exchange_header(x, "Mcp-Session-Id");

	for (size_t i = 0; id && i < SESSIONS_MAX; i++) {
		struct row *row = &of(x)->rows[i];

		if (row->session && row->tenant == x->tenant && strcmp(row->id, id) == 0)
			return row;
	}
	return NULL;
}

/* The session that the request names, or a new one. NULL: answered. */
static struct mcp_session *find_session(struct exchange *x)
{
	struct mcp_session *session = NULL;
	struct row *row;

	pthread_mutex_lock(&of(x)->lock);
	row = find_row(x);
	if (row) {
		row->used_ms = clock_monotonic_ms();
		session = mcp_session_ref(row->session);
	}
	pthread_mutex_unlock(&of(x)->lock);
	if (session)
		return session;
	if (!exchange_header(x, "Mcp-Session-Id"))
		exchange_fail(x, 400, "no-session", "Mcp-Session-Id is missing; initialize gives one");
	else
		exchange_fail(x, 404, "not-found", "there is no such session; initialize again");
	return NULL;
}

/* A session that could be begun gets a row; its id goes into the answer. */
static bool keep_session(struct exchange *x, struct mcp_session *session)
{
	struct row *row = NULL;

	pthread_mutex_lock(&of(x)->lock);
	for (size_t i = 0; !row && i < SESSIONS_MAX; i++)
		if (!of(x)->rows[i].session)
			row = &of(x)->rows[i];
	if (row && job_id_make(row->id) == 0) {
		row->session = mcp_session_ref(session);
		row->tenant = x->tenant;
		row->used_ms = clock_monotonic_ms();
		strcpy(x->session_id, row->id);
	}
	pthread_mutex_unlock(&of(x)->lock);
	return *x->session_id;
}

static void accept_quietly(struct exchange *x)
{
	x->status = 202;
	x->type = TYPE_JSON;
	x->fixed_reply = "";
}

struct events {
	struct mcp_sink sink;
	struct stream *stream; /* borrowed from the job */
};

static void send_event(struct mcp_sink *sink, json_t *message)
{
	if (message)
		stream_event(((struct events *)sink)->stream, "message", message);
}

static void work(struct job *job, struct worker *worker)
{
	struct events events = {{send_event}, job->stream};

	(void)worker;
	mcp_call_run(job->data, &events.sink);
}

static void free_call(void *call)
{
	mcp_call_free(call);
}

static void answer_with_events(struct exchange *x, struct mcp_call *call)
{
	exchange_job(x, work, call, free_call);
	if (!x->job)
		return;
	x->job->stream = stream_new(x->connection, x->client, x->job);
	/* One descriptor to end it by, whoever does: the client, its connection, the drain. */
	if (x->job->stream && dup3(x->job->cancel_fd, call->cancel_fd, O_CLOEXEC) >= 0)
		return;
	if (x->job->stream)
		stream_abandon(x->job->stream);
	job_unref(TAKE_PTR(x->job));
	exchange_fail(x, 503, "no-resources", "the server is out of resources");
}

static bool check_headers(struct exchange *x)
{
	const char *version = exchange_header(x, "MCP-Protocol-Version"), *accept = exchange_header(x, "Accept");

	if (version && !rpc_is_version(version)) {
		exchange_fail(x, 400, "wrong-version", "MCP-Protocol-Version must be " MCP_VERSION
			      " or " MCP_VERSION_BEFORE);
		return false;
	}
	if (!accept || !x->wants_events || !(strstr(accept, TYPE_JSON) || strstr(accept, "*/*"))) {
		exchange_fail(x, 406, "not-acceptable", "Accept must name application/json and text/event-stream");
		return false;
	}
	return true;
}

static bool is_initialize(const json_t *message)
{
	const char *method = json_string_value(json_object_get(message, "method"));

	return method && strcmp(method, "initialize") == 0 && json_object_get(message, "id");
}

static void take_message(struct exchange *x, struct mcp_session *session, json_t *message, bool is_new)
{
	struct mcp_call *call;
	json_t *reply;

	mcp_session_take(session, message, &reply, &call);
	if (is_new && session->version && !keep_session(x, session)) {
		json_decref(reply);
		exchange_fail(x, 503, "too-many-sessions", "too many sessions; end one");
	} else if (call) {
		answer_with_events(x, call);
	} else if (reply) {
		exchange_json(x, 200, reply);
	} else {
		accept_quietly(x);
	}
}

static void route_post(struct exchange *x)
{
	json_t *error;
	cleanup_json json_t *message = NULL;
	struct mcp_session *session;
	bool is_new;

	if (!check_headers(x))
		return;
	message = rpc_parse(x->body ?: "", x->body_size, &error);
	if (!message) {
		exchange_json(x, 400, error);
		return;
	}
	is_new = is_initialize(message) && !exchange_header(x, "Mcp-Session-Id");
	session = is_new ? mcp_session_new(of(x)->mcp) : find_session(x);
	if (session)
		take_message(x, session, message, is_new);
	else if (is_new)
		exchange_fail(x, 503, "no-resources", "the server is out of resources");
	mcp_session_unref(session);
}

static void route_delete(struct exchange *x)
{
	struct mcp_session *session = find_session(x);
	struct row *row;

	if (!session)
		return;
	pthread_mutex_lock(&of(x)->lock);
	row = find_row(x);
	if (row)
		mcp_session_unref(take_row(row));
	pthread_mutex_unlock(&of(x)->lock);
	end_session(session);
	accept_quietly(x);
}

static const struct route routes[] = {
	{"POST", "/mcp", ROUTE_BODY, route_post},
	{"DELETE", "/mcp", 0, route_delete},
	{"GET", "/healthz", ROUTE_OPEN, route_health},
	{NULL, NULL, 0, NULL},
};

/* The address may be left out: loopback. */
static const char *whole_address(const struct mcp_options *o, char ret[128])
{
	snprintf(ret, 128, strchr(o->http, ':') ? "%s" : "127.0.0.1:%s", o->http);
	return ret;
}

int mcp_http_check(const struct mcp_options *options, struct appsilo_error *err)
{
	char address[128];

	return listen_check("mcp: --http", whole_address(options, address), !options->token_file, err);
}

static void wait_for_end(struct mcp_http *h)
{
	const struct timespec moment = {1, 0};
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	while (sigtimedwait(&ends, NULL, &moment) < 0)
		expire(h);
}

static void stop(struct mcp_http *h, struct MHD_Daemon *daemon)
{
	struct server *s = &h->server;

	atomic_store(&s->draining, true);
	queue_close(&s->queue);
	http_quiesce(daemon);
	queue_cancel_all(&s->queue);
	(void)queue_wait_idle(&s->queue, CANCEL_MS);
	http_stop(daemon);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		end_session(take_row(&h->rows[i]));
	server_stop(s);
}

int mcp_http_serve(struct mcp *mcp, struct appsilo_error *err)
{
	static struct mcp_http h; /* large; zeroed */
	char shown[LISTEN_SHOWN_MAX], address[128];
	struct MHD_Daemon *daemon;
	int fd, r;

	pthread_mutex_init(&h.lock, NULL);
	h.mcp = mcp;
	h.server.routes = routes;
	h.server.options = (struct serve_options){.workers = WORKERS, .queue = 64, .connections = 256,
						  .body_bytes = RPC_MESSAGE_MAX, .quiet = mcp->options.quiet};
	fd_raise_limit();
	fd = listen_open("mcp: --http", whole_address(&mcp->options, address), !mcp->options.token_file, shown, err);
	r = fd < 0 ? fd : tenants_load(mcp->options.token_file, &h.server.tenants, err);
	if (r < 0)
		return r;
	queue_init(&h.server.queue, &h.server.tenants, WORKERS, h.server.options.queue);
	r = server_start_workers(&h.server, err);
	if (r == 0)
		r = http_start(&h.server, fd, &daemon, err);
	if (r < 0)
		return r;
	printf("listening on %s/mcp\n", shown);
	fflush(stdout);
	event_note("start", "listening on %s/mcp", shown);
	listen_notify("READY=1");
	wait_for_end(&h);
	listen_notify("STOPPING=1");
	stop(&h, daemon);
	return 0;
}
