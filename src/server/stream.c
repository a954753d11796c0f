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
	struct MHD_Connection *connection; /* NULL once the connection has let go */
	struct client *client;		   /* as connection */
	struct job *job;		   /* as connection; a reference */
	char *buffer;			   /* owned */
	size_t size, sent;
	bool sleeping; /* the connection is suspended until something comes */
	bool finished;
	int wake_fd; /* tells the worker that there is room; owned */
	/* The worker's alone: the begin of a character whose rest has not come. */
	struct {
		char bytes[TAIL_MAX];
		size_t n;
	} tail[2];
};

struct stream *stream_new(struct MHD_Connection *connection, struct client *client, struct job *job)
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
	if (s->wake_fd >= 0)
		return s;
	job_unref(job);
	stream_free(s);
	return NULL;
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	pthread_mutex_destroy(&s->lock);
	close_keep_errno(s->wake_fd);
	free(s->buffer);
	free(s);
}

static void wake_connection(struct stream *s)
{
	if (!s->sleeping || !s->connection)
		return;
	s->sleeping = false;
	MHD_resume_connection(s->connection);
}

/* MHD_ContentReaderCallback: as much as there is. */
static ssize_t read_some(void *data, uint64_t position, char *ret, size_t max)
{
	struct stream *s = data;
	ssize_t result;
	size_t n;

	(void)position;
	pthread_mutex_lock(&s->lock);
	n = s->size - s->sent;
	n = n < max ? n : max;
	result = n > 0 || !s->finished ? (ssize_t)n : MHD_CONTENT_READER_END_OF_STREAM;
	memcpy(ret, s->buffer ? s->buffer + s->sent : "", n);
	s->sent += n;
	if (s->sent == s->size)
		s->sent = s->size = 0;
	if (n > 0) {
		(void)!eventfd_write(s->wake_fd, 1);
	} else if (!s->finished) {
		s->sleeping = true;
		MHD_suspend_connection(s->connection);
	}
	pthread_mutex_unlock(&s->lock);
	return result;
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

	if (!s->connection)
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

void stream_event(struct stream *s, const char *name, json_t *object)
{
	cleanup_free char *text = reply_text(object);
	cleanup_free char *event = NULL;
	int n = text ? asprintf(&event, "event: %s\ndata: %s\n\n", name, text) : -1;

	pthread_mutex_lock(&s->lock);
	if (n < 0 || !append(s, event, (size_t)n))
		s->finished = true;
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
	room = s->size - s->sent < STREAM_BUFFER_BYTES || !s->connection;
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
