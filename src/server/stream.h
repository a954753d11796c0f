/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events from a worker to a connection, through a bounded buffer: a client that reads slowly
 * slows its own run down, not the server. The worker adds events; the connection's thread takes
 * bytes and sleeps when there are none. They go as server-sent events (WHATWG HTML, section 9.2)
 * or as a websocket's messages, {"event", ...}.
 */
#ifndef APPSILO_SERVER_STREAM_H
#define APPSILO_SERVER_STREAM_H

#include "server/frames.h"
#include "server/run.h"

struct client;
struct job;
struct MHD_Connection;
struct MHD_Response;
struct stream;

#define STREAM_BUFFER_BYTES (256u << 10) /* more than this waits in the run's pipes */

/** For one connection and @job, which owns it. NULL: no memory or descriptors. */
struct stream *stream_new(struct MHD_Connection *connection, struct client *client, struct job *job);
/** The same for a websocket, whose thread takes the frames itself: stream_take(). */
struct stream *stream_new_frames(struct client *client, struct job *job);
void stream_free(struct stream *s);

/** The response that sends it; holds @job until it is sent or its client has gone, which cancels
 * the job. NULL: no memory, as if the client had gone. */
struct MHD_Response *stream_response(struct stream *s);

/** As if the client had gone: no response was made, or its websocket ends. */
void stream_abandon(struct stream *s);

/* Of a websocket, for its thread. */

/** Readable when there may be something to take. */
int stream_take_fd(const struct stream *s);
/** At most @max bytes. Returns 0 with *ret_finished when nothing more will come. */
size_t stream_take(struct stream *s, char *ret, size_t max, bool *ret_finished);
/** A frame of control between the events, unless too much waits already. */
void stream_control_frame(struct stream *s, enum frames_opcode opcode, const void *payload, size_t size);
/** The last frame; later events are dropped, a job that is not done is cancelled. */
void stream_close(struct stream *s, unsigned int code, const char *why);

/** One event. Takes @object; what cannot be added for want of memory ends the stream. */
void stream_event(struct stream *s, const char *name, json_t *object);

/** Let a run's output go there. */
void stream_control(struct stream *s, struct run_control *ret);
/** What is left of output whose last character is not whole. */
void stream_flush(struct stream *s);
/** Nothing more will come. */
void stream_finish(struct stream *s);

#endif
