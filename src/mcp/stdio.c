/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/stdio.h"

#include "base/fd.h"
#include "mcp/call.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#define BLOCK_BYTES 65536
#define LAST_CALLS_S 5

struct wire {
	struct mcp_sink sink;
	struct mcp_session *session; /* owned */
	pthread_mutex_t out_lock; /* guards stdout, for as long as the client takes to read */
	pthread_mutex_t lock;	  /* guards the count */
	pthread_cond_t idle;
	size_t calls;	      /* that go on */
	char *line;	      /* of stdin, as far as it has come; owned */
	size_t used, capacity;
	bool skipping; /* the rest of a line that is too long */
};

/* Whole lines only, whoever sends. A client that has gone is seen on stdin. */
static void send_message(struct mcp_sink *sink, json_t *message)
{
	struct wire *w = (struct wire *)sink;
	cleanup_free char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0;

	json_decref(message);
	if (!text)
		return;
	text[n] = '\n'; /* in place of the NUL */
	pthread_mutex_lock(&w->out_lock);
	(void)!fd_write_all(STDOUT_FILENO, text, n + 1);
	pthread_mutex_unlock(&w->out_lock);
}

struct work {
	struct wire *wire;
	struct mcp_call *call;
};

static void *carry_out(void *data)
{
	struct work work = *(struct work *)data;

	free(data);
	mcp_call_run(work.call, &work.wire->sink);
	mcp_call_free(work.call);
	pthread_mutex_lock(&work.wire->lock);
	work.wire->calls--;
	pthread_cond_signal(&work.wire->idle);
	pthread_mutex_unlock(&work.wire->lock);
	return NULL;
}

static void start_call(struct wire *w, struct mcp_call *call)
{
	struct work *work = malloc(sizeof(*work));
	pthread_t thread;
	int r = work ? 0 : -ENOMEM;

	if (work) {
		*work = (struct work){w, call};
		pthread_mutex_lock(&w->lock);
		w->calls++;
		pthread_mutex_unlock(&w->lock);
		r = pthread_create(&thread, NULL, carry_out, work);
	}
	if (r == 0) {
		pthread_detach(thread);
		return;
	}
	if (work) {
		pthread_mutex_lock(&w->lock);
		w->calls--;
		pthread_mutex_unlock(&w->lock);
	}
	free(work);
	w->sink.send(&w->sink, rpc_error(call->id, RPC_BUSY, "out of memory or threads"));
	mcp_call_free(call);
}

static void take_line(struct wire *w, const char *line, size_t size)
{
	struct mcp_call *call;
	json_t *reply;
	cleanup_json json_t *message = rpc_parse(line, size, &reply);

	if (!message) {
		w->sink.send(&w->sink, reply);
		return;
	}
	mcp_session_take(w->session, message, &reply, &call);
	w->sink.send(&w->sink, reply);
	if (call)
		start_call(w, call);
}

/* A line that is empty is nobody's message. */
static void end_line(struct wire *w)
{
	size_t n = w->used && w->line[w->used - 1] == '\r' ? w->used - 1 : w->used;

	if (w->skipping)
		w->sink.send(&w->sink, rpc_error(NULL, RPC_INVALID_REQUEST, "a message of more than %u bytes",
						 RPC_MESSAGE_MAX));
	else if (n)
		take_line(w, w->line, n);
	w->used = 0;
	w->skipping = false;
}

static void take_bytes(struct wire *w, const char *bytes, size_t size)
{
	if (w->skipping || size == 0)
		return;
	if (w->used + size > RPC_MESSAGE_MAX) {
		w->skipping = true;
		return;
	}
	if (w->used + size > w->capacity) {
		size_t capacity = (w->used + size) * 2;
		char *bigger = realloc(w->line, capacity);

		if (!bigger) {
			w->skipping = true;
			return;
		}
		w->line = bigger;
		w->capacity = capacity;
	}
	memcpy(w->line + w->used, bytes, size);
	w->used += size;
}

/* Returns false at the end of stdin. */
static bool read_lines(struct wire *w)
{
	char block[BLOCK_BYTES];
	ssize_t n = read(STDIN_FILENO, block, sizeof(block));
	const char *p = block, *end;

	if (n <= 0)
		return n < 0 && (errno == EINTR || errno == EAGAIN);
	while ((end = memchr(p, '\n', (size_t)(block + n - p)))) {
		take_bytes(w, p, (size_t)(end - p));
		end_line(w);
		p = end + 1;
	}
	take_bytes(w, p, (size_t)(block + n - p));
	return true;
}

/* Returns false when a call does not end: its client takes nothing and does not go away either. */
static bool wait_idle(struct wire *w)
{
	struct timespec end;
	bool idle;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += LAST_CALLS_S;
	pthread_mutex_lock(&w->lock);
	while (w->calls && r == 0)
		r = pthread_cond_timedwait(&w->idle, &w->lock, &end);
	idle = w->calls == 0;
	pthread_mutex_unlock(&w->lock);
	return idle;
}

/* The signals are blocked in all threads: main has seen to it. */
static int open_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	return signalfd(-1, &ends, SFD_CLOEXEC);
}

int mcp_stdio_serve(const struct mcp *mcp, struct appsilo_error *err)
{
	/* A call that does not end may use it to the last moment. */
	static struct wire w = {.sink = {send_message}, .out_lock = PTHREAD_MUTEX_INITIALIZER,
				.lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};
	cleanup_close int signal_fd = open_signals();
	bool going = true;

	w.session = mcp_session_new(mcp);
	if (!w.session || signal_fd < 0)
		return error_set(err, w.session ? -errno : -ENOMEM, "mcp");
	while (going) {
		struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		going = !fds[1].revents && (!fds[0].revents || read_lines(&w));
	}
	mcp_session_cancel(w.session);
	if (!wait_idle(&w))
		return error_say(err, -ETIMEDOUT, "mcp: the client takes no answers");
	mcp_session_unref(w.session);
	free(w.line);
	return 0;
}
