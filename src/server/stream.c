/* SPDX-License-Identifier: Apache-2.0 */
#include "server/stream.h"

#include "server/clients.h"
#include "server/queue.h"
#include "server/reply.h"
#include <microhttpd.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>

#define TAIL_MAX 4
#define SEND_MS 60000 /* for what is left when the run has ended */

struct stream {
	pthread_mutex_t lock; /* guards all below */
	struct MHD_Connection *connection; /* NULL once the connection has let go, and of a websocket */
	struct client *client;		   /* NULL once the connection has let go */
	struct job *job;		   /* as client; a reference */
	char *buffer;			   /* owned */
	size_t size, sent;
	bool sleeping; /* the connection is suspended until something comes */
	bool finished;
	bool closed; /* a websocket's last frame is in the buffer */
	int wake_fd; /* tells the worker that there is room; owned */
	int take_fd; /* tells a websocket's thread that there is something; owned; else -EBADF */
	/* The worker's alone: the begin of a character whose rest has not come. */
	struct {
		char bytes[TAIL_MAX];
		size_t n;
	} tail[2];
};

static struct stream *make(struct MHD_Connection *connection, struct client *client, struct job *job,
			   bool frames)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->connection = connection;
	s->client = client;
	s->job = job;
	job_ref(job);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->take_fd = frames ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -EBADF;
	if (s->wake_fd >= 0 && (s->take_fd >= 0 || !frames))
		return s;
	job_unref(job);
	stream_free(s);
	return NULL;
}

struct stream *stream_new(struct MHD_Connection *connection, struct client *client, struct job *job)
{
	return make(connection, client, job, false);
}

struct stream *stream_new_frames(struct client *client, struct job *job)
{
	return make(NULL, client, job, true);
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	close_keep_errno(s->wake_fd);
	close_keep_errno(s->take_fd);
	free(s->buffer);
	free(s);
}

static void wake_connection(struct stream *s)
{
	if (s->take_fd >= 0)
		(void)!eventfd_write(s->take_fd, 1);
	if (!s->sleeping || !s->connection)
		return;
	s->sleeping = false;
	MHD_resume_connection(s->connection);
}

static size_t take(struct stream *s, char *ret, size_t max)
{
	size_t n = s->size - s->sent;

	n = n < max ? n : max;
	memcpy(ret, s->buffer ? s->buffer + s->sent : "", n);
	s->sent += n;
	if (s->sent == s->size)
		s->sent = s->size = 0;
	if (n > 0)
		(void)!eventfd_write(s->wake_fd, 1);
	return n;
}

/* MHD_ContentReaderCallback: as much as there is. */
static ssize_t read_some(void *data, uint64_t position, char *ret, size_t max)
{
	struct stream *s = data;
	bool finished;
	size_t n;

	(void)position;
	pthread_mutex_lock(&s->lock);
	n = take(s, ret, max);
	finished = s->finished;
	s->sleeping = n == 0 && !finished;
	if (s->sleeping)
		MHD_suspend_connection(s->connection);
	pthread_mutex_unlock(&s->lock);
	return n == 0 && finished ? MHD_CONTENT_READER_END_OF_STREAM : (ssize_t)n;
}

/* The response has been sent, or its client went away. */
static void let_go(void *data)
{
	struct stream *s = data;
	struct job *job;

	pthread_mutex_lock(&s->lock);
	s->connection = NULL;
	s->client = NULL;
	job = TAKE_PTR(s->job);
	if (!s->finished)
		job_cancel(job);
	(void)!eventfd_write(s->wake_fd, 1);
	pthread_mutex_unlock(&s->lock);
	job_unref(job); /* which holds us */
}

void stream_abandon(struct stream *s)
{
	let_go(s);
}

struct MHD_Response *stream_response(struct stream *s)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_some, s, let_go);

	if (!response)
		let_go(s);
	return response;
}

/* Appends, or says that it could not. Nothing is kept for a client that has gone. */
static bool append(struct stream *s, const char *bytes, size_t size)
{
	char *bigger;

	if (!s->client || s->closed)
		return true;
	if (s->sent) {
		memmove(s->buffer, s->buffer + s->sent, s->size - s->sent);
		s->size -= s->sent;
		s->sent = 0;
	}
	bigger = realloc(s->buffer, s->size + size);
	if (!bigger)
		return false;
	s->buffer = bigger;
	memcpy(s->buffer + s->size, bytes, size);
	s->size += size;
	return true;
}

static bool append_frame(struct stream *s, enum frames_opcode opcode, const void *payload, size_t size)
{
	unsigned char header[FRAMES_HEADER_MAX];
	size_t n = frames_header(opcode, size, header);

	return append(s, (const char *)header, n) && append(s, payload, size);
}

static bool append_event(struct stream *s, const char *name, const char *text)
{
	cleanup_free char *event = NULL;
	int n;

	if (s->take_fd >= 0)
		return append_frame(s, FRAMES_TEXT, text, strlen(text));
	n = asprintf(&event, "event: %s\ndata: %s\n\n", name, text);
	return n >= 0 && append(s, event, (size_t)n);
}

void stream_event(struct stream *s, const char *name, json_t *object)
{
	cleanup_free char *text = NULL;

	if (s->take_fd >= 0 && object && json_object_set_new(object, "event", json_string(name)) < 0)
		json_decref(TAKE_PTR(object));
	text = reply_text(object);
	pthread_mutex_lock(&s->lock);
	if (!text || !append_event(s, name, text))
		s->finished = true;
	wake_connection(s);
	pthread_mutex_unlock(&s->lock);
}

int stream_take_fd(const struct stream *s)
{
	return s->take_fd;
}

size_t stream_take(struct stream *s, char *ret, size_t max, bool *ret_finished)
{
	eventfd_t count;
	size_t n;

	pthread_mutex_lock(&s->lock);
	(void)!eventfd_read(s->take_fd, &count);
	n = take(s, ret, max);
	*ret_finished = n == 0 && (s->finished || s->closed);
	pthread_mutex_unlock(&s->lock);
	return n;
}

void stream_control_frame(struct stream *s, enum frames_opcode opcode, const void *payload, size_t size)
{
	pthread_mutex_lock(&s->lock);
	if (s->size - s->sent < STREAM_BUFFER_BYTES && !append_frame(s, opcode, payload, size))
		s->finished = true;
	wake_connection(s);
	pthread_mutex_unlock(&s->lock);
}

void stream_close(struct stream *s, unsigned int code, const char *why)
{
	char payload[FRAMES_CONTROL_MAX + 1];
	int n = snprintf(payload, sizeof(payload), "%c%c%s", (char)(code >> 8), (char)code, why);

	pthread_mutex_lock(&s->lock);
	(void)append_frame(s, FRAMES_CLOSE, payload, (size_t)n);
	s->closed = true;
	if (!s->finished)
		job_cancel(s->job);
	wake_connection(s);
	pthread_mutex_unlock(&s->lock);
}

/* How many bytes at the end begin a character that is not whole. */
static size_t open_tail(const char *bytes, size_t size)
{
	for (size_t n = 1; n <= 3 && n <= size; n++) {
		unsigned char c = (unsigned char)bytes[size - n];
		size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

		if ((c & 0xc0) != 0x80)
			return length > n ? n : 0;
	}
	return 0;
}

static void send_output(struct stream *s, enum run_channel channel, const char *bytes, size_t size)
{
	json_t *object = size ? json_object() : NULL;

	if (!object)
		return;
	if (reply_bytes(object, "data", bytes, size) < 0) {
		json_decref(object);
		object = NULL;
	}
	stream_event(s, channel == RUN_STDOUT ? "stdout" : "stderr", object);
}

static bool take_output(void *data, enum run_channel channel, const char *bytes, size_t size)
{
	struct stream *s = data;
	size_t have = s->tail[channel].n, open;
	char *all = malloc(have + size);

	if (!all)
		return false;
	memcpy(all, s->tail[channel].bytes, have);
	memcpy(all + have, bytes, size);
	size += have;
	open = open_tail(all, size);
	send_output(s, channel, all, size - open);
	memcpy(s->tail[channel].bytes, all + size - open, open);
	s->tail[channel].n = open;
	free(all);
	return true;
}

void stream_flush(struct stream *s)
{
	for (int channel = RUN_STDOUT; channel <= RUN_STDERR; channel++) {
		send_output(s, (enum run_channel)channel, s->tail[channel].bytes, s->tail[channel].n);
		s->tail[channel].n = 0;
	}
}

static bool has_room(void *data)
{
	struct stream *s = data;
	bool room;

	pthread_mutex_lock(&s->lock);
	room = s->size - s->sent < STREAM_BUFFER_BYTES || !s->client || s->closed;
	pthread_mutex_unlock(&s->lock);
	return room;
}

void stream_control(struct stream *s, struct run_control *ret)
{
	ret->output = take_output;
	ret->ready = has_room;
	ret->wake_fd = s->wake_fd;
	ret->data = s;
}

void stream_finish(struct stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->finished = true;
	if (s->client)
		client_deadline(s->client, SEND_MS);
	wake_connection(s);
	pthread_mutex_unlock(&s->lock);
}
