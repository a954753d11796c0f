/* SPDX-License-Identifier: Apache-2.0 */
#include "server/websocket.h"

#include "server/exchange.h"
#include "server/frames.h"
#include "server/handshake.h"
#include "server/stream.h"
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK_BYTES 16384
#define THREAD_STACK (512 * 1024)
#define REQUEST_MS 15000 /* for the first message */
#define CLOSE_MS 5000	 /* for the last frames, both ways */

enum { POLL_CLIENT, POLL_EVENTS, POLL_INPUT, POLL_N };

struct websocket {
	struct exchange *x; /* borrowed until the connection is given back */
	struct MHD_UpgradeResponseHandle *handle;
	struct stream *stream; /* the job's */
	int fd;		       /* the connection's; borrowed */
	struct frames frames;
	/* To the program: what its pipe does not take waits here. */
	int input_fd; /* owned */
	char *input;  /* owned */
	size_t input_size, input_sent;
	bool input_ended;
	/* To the client. */
	char out[BLOCK_BYTES];
	size_t out_size, out_sent;
	bool submitted; /* the request came */
	bool closing;	/* the last frame is on its way */
	bool answered;	/* the client's came first */
	bool all_sent;
};

void websockets_init(struct websockets *all, uint64_t max)
{
	*all = (struct websockets){.max = max};
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->none, NULL);
}

bool websockets_full(struct websockets *all)
{
	bool full;

	pthread_mutex_lock(&all->lock);
	full = all->n >= all->max;
	pthread_mutex_unlock(&all->lock);
	return full;
}

void websockets_end(struct websockets *all, struct clients *clients)
{
	pthread_mutex_lock(&all->lock);
	all->closed = true;
	pthread_mutex_unlock(&all->lock);
	clients_hang_up(clients, true);
	pthread_mutex_lock(&all->lock);
	while (all->n)
		pthread_cond_wait(&all->none, &all->lock);
	pthread_mutex_unlock(&all->lock);
}

static bool enter(struct websockets *all)
{
	bool may;

	pthread_mutex_lock(&all->lock);
	may = !all->closed && all->n < all->max;
	all->n += may;
	pthread_mutex_unlock(&all->lock);
	return may;
}

static void leave(struct websockets *all)
{
	pthread_mutex_lock(&all->lock);
	if (--all->n == 0)
		pthread_cond_broadcast(&all->none);
	pthread_mutex_unlock(&all->lock);
}

static void begin_close(struct websocket *w, unsigned int code, const char *why)
{
	w->closing = true;
	stream_close(w->stream, code, why);
	client_deadline(w->x->client, CLOSE_MS);
}

static void fail(struct websocket *w, const struct api_error *e)
{
	stream_event(w->stream, "error",
		     json_pack("{s:{s:s,s:s}}", "error", "code", e->code, "message", e->message));
	begin_close(w, e->status == 429 || e->status == 503 ? FRAMES_TRY_LATER : FRAMES_POLICY, e->code);
}

static void take_request(struct websocket *w)
{
	struct job *job = w->x->job;
	struct api_error e;
	int r = w->x->upgrade->decode(w->x, w->frames.data ? w->frames.data : "", w->frames.size, &e);

	if (r == 0) {
		client_idle(w->x->client, false);
		client_deadline(w->x->client, 0);
		r = queue_submit(&w->x->server->queue, job, &e);
	}
	w->submitted = r == 0;
	if (r == 0)
		return;
	job->reason = e.code;
	fail(w, &e);
}

static void end_input(struct websocket *w)
{
	close_keep_errno(TAKE_FD(w->input_fd));
	free(TAKE_PTR(w->input));
	w->input_size = w->input_sent = 0;
}

static void write_input(struct websocket *w)
{
	ssize_t n = w->input_size ? write(w->input_fd, w->input + w->input_sent, w->input_size - w->input_sent)
				  : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		end_input(w); /* the program reads no more */
		return;
	}
	if (n > 0)
		w->input_sent += (size_t)n;
	if (w->input_sent == w->input_size) {
		free(TAKE_PTR(w->input));
		w->input_size = w->input_sent = 0;
	}
	if (w->input_ended && !w->input_size)
		end_input(w);
}

static int add_input(struct websocket *w, const char *bytes, size_t size, struct api_error *e)
{
	char *bigger;

	if (w->input_ended && size)
		return api_error_set(e, 400, "bad-request", "stdin: it has ended");
	if (w->input_fd >= 0 && size > w->x->server->options.body_bytes - w->input_size)
		write_input(w); /* what came in one piece with this had no turn yet */
	if (w->input_fd < 0 || !size)
		return 0;
	if (size > w->x->server->options.body_bytes - w->input_size)
		return api_error_set(e, 413, "too-large", "stdin: the program does not read it");
	bigger = realloc(w->input, w->input_size + size);
	if (!bigger)
		return api_error_set(e, 503, "no-memory", "the server is out of memory");
	w->input = bigger;
	memcpy(w->input + w->input_size, bytes, size);
	w->input_size += size;
	return 0;
}

static int take_words(struct websocket *w, struct run_request *message, struct api_error *e)
{
	static const char *const names[] = {"stdin", "stdin_base64", "eof", "cancel", NULL};
	const char *bytes = NULL;
	size_t size = 0;
	bool cancel = false, eof = false;
	int r = request_only(message->root, names, "", e);

	if (r == 0)
		r = request_bytes(message, message->root, "stdin", &bytes, &size, e);
	if (r == 0)
		r = request_bool(message->root, "eof", &eof, e);
	if (r == 0)
		r = request_bool(message->root, "cancel", &cancel, e);
	if (r == 0)
		r = add_input(w, bytes, size, e);
	if (r < 0)
		return r;
	w->input_ended |= eof;
	write_input(w);
	if (cancel)
		job_cancel(w->x->job);
	return 0;
}

/* Input, its end, or the end of all. */
static void take_more(struct websocket *w)
{
	struct run_request message = {0};
	struct api_error e;

	message.root = request_parse(w->frames.data ? w->frames.data : "", w->frames.size, &e);
	if (!message.root || take_words(w, &message, &e) < 0)
		fail(w, &e);
	request_done(&message);
}

static void take_event(struct websocket *w, enum frames_event event)
{
	switch (event) {
	case FRAMES_MORE:
		return;
	case FRAMES_MESSAGE:
		if (w->submitted)
			take_more(w);
		else
			take_request(w);
		frames_forget(&w->frames);
		return;
	case FRAMES_PINGED:
		/* Of many pings, not each has to be answered. */
		stream_control_frame(w->stream, FRAMES_PONG, w->frames.control, w->frames.control_size);
		return;
	case FRAMES_CLOSED:
		w->answered = true;
		begin_close(w, w->frames.code == FRAMES_NO_CODE ? FRAMES_NORMAL : w->frames.code, "");
		return;
	case FRAMES_BROKEN:
		begin_close(w, w->frames.code, "");
		return;
	}
}

/* What is kept for this client counts with all bodies. */
static void charge(struct websocket *w)
{
	size_t kept = w->frames.capacity + w->input_size;

	if (!metrics_hold_bytes(&w->x->server->metrics, &w->x->charged, kept))
		begin_close(w, FRAMES_TRY_LATER, "too many large requests at once");
}

static void take_bytes(struct websocket *w, const unsigned char *bytes, size_t size)
{
	while (size > 0 && !w->closing) {
		size_t used;

		take_event(w, frames_feed(&w->frames, bytes, size, &used));
		bytes += used;
		size -= used;
	}
	if (!w->closing)
		charge(w);
}

/* False: the client has gone. */
static bool receive(struct websocket *w)
{
	unsigned char block[BLOCK_BYTES];
	ssize_t n = recv(w->fd, block, sizeof(block), MSG_DONTWAIT);

	if (n > 0)
		take_bytes(w, block, (size_t)n);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void fill(struct websocket *w)
{
	bool finished;

	if (w->out_sent < w->out_size || w->all_sent)
		return;
	w->out_sent = 0;
	w->out_size = stream_take(w->stream, w->out, sizeof(w->out), &finished);
	if (w->out_size || !finished)
		return;
	if (w->closing) {
		w->all_sent = true;
		(void)shutdown(w->fd, SHUT_WR);
		return;
	}
	begin_close(w, FRAMES_NORMAL, "");
	fill(w);
}

static bool send_some(struct websocket *w)
{
	ssize_t n = send(w->fd, w->out + w->out_sent, w->out_size - w->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		w->out_sent += (size_t)n;
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* False: this is the end. */
static bool turn(struct websocket *w)
{
	struct pollfd fds[POLL_N];

	fill(w);
	if (w->all_sent && w->answered)
		return false;
	fds[POLL_CLIENT] = (struct pollfd){.fd = w->fd, .events = POLLIN};
	if (w->out_sent < w->out_size)
		fds[POLL_CLIENT].events |= POLLOUT;
	fds[POLL_EVENTS] = (struct pollfd){.fd = w->out_size || w->all_sent ? -1 : stream_take_fd(w->stream),
					   .events = POLLIN};
	fds[POLL_INPUT] = (struct pollfd){.fd = w->input_size ? w->input_fd : -1, .events = POLLOUT};
	if (poll(fds, POLL_N, -1) < 0 && errno != EINTR)
		return false;
	if (fds[POLL_INPUT].revents)
		write_input(w);
	if (fds[POLL_CLIENT].revents & POLLOUT && !send_some(w))
		return false;
	return !(fds[POLL_CLIENT].revents & ~POLLOUT) || receive(w);
}

/* The connection goes back to the library, which closes it; then it is gone. */
static void let_go(struct websocket *w)
{
	struct websockets *all = &w->x->server->websockets;

	if (w->stream)
		stream_abandon(w->stream);
	end_input(w);
	frames_forget(&w->frames);
	(void)MHD_upgrade_action(w->handle, MHD_UPGRADE_ACTION_CLOSE);
	free(w);
	leave(all);
}

static void *attend(void *data)
{
	struct websocket *w = data;

	while (turn(w))
		;
	let_go(w);
	return NULL;
}

static int make_job(struct websocket *w)
{
	struct job *job = job_new(w->x->tenant, w->x->upgrade->work);
	int ends[2];

	w->x->job = job;
	if (!job || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -ENOMEM;
	job->input_fd = ends[0];
	w->input_fd = ends[1];
	w->stream = job->stream = stream_new_frames(w->x->client, job);
	return w->stream ? 0 : -ENOMEM;
}

static int start_thread(struct websocket *w)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = pthread_create(&thread, &attributes, attend, w);
	pthread_attr_destroy(&attributes);
	return -r;
}

/* MHD_UpgradeHandler: 101 has been sent. */
static void on_upgrade(void *data, struct MHD_Connection *connection, void *context, const char *extra,
		       size_t extra_size, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
	struct exchange *x = data;
	struct websocket *w = calloc(1, sizeof(*w));

	(void)connection;
	(void)context;
	if (!w || !enter(&x->server->websockets)) {
		free(w);
		(void)MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
		return;
	}
	w->x = x;
	w->handle = handle;
	w->fd = fd;
	w->input_fd = -EBADF;
	w->frames.max = x->server->options.body_bytes;
	client_idle(x->client, true);
	client_deadline(x->client, REQUEST_MS);
	if (make_job(w) < 0) {
		let_go(w);
		return;
	}
	take_bytes(w, (const unsigned char *)extra, extra_size);
	if (start_thread(w) < 0)
		let_go(w);
}

void websocket_begin(struct exchange *x, const struct websocket_kind *kind)
{
	struct api_error e;

	if (handshake_check(x, &e) < 0)
		exchange_error(x, &e);
	else if (atomic_load(&x->server->draining))
		exchange_fail(x, 503, "draining", "the server is shutting down");
	else if (websockets_full(&x->server->websockets))
		exchange_fail(x, 429, "queue-full", "too many websockets are open");
	else
		x->upgrade = kind;
}

struct MHD_Response *websocket_response(struct exchange *x)
{
	struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgrade, x);

	if (!response || handshake_headers(x, response) == 0)
		return response;
	MHD_destroy_response(response);
	return NULL;
}
