/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket framing (RFC 6455, section 5), the server's side: bytes of a client become whole
 * messages and control frames; nothing is read or sent here. No extensions. What a client may
 * not send breaks the connection, with the code that it is told. One thread per object.
 */
#ifndef APPSILO_SERVER_FRAMES_H
#define APPSILO_SERVER_FRAMES_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

#define FRAMES_CONTROL_MAX 125
#define FRAMES_HEADER_MAX 10 /* of ours, which are not masked */
#define FRAMES_CLIENT_HEADER_MAX 14

enum frames_opcode {
	FRAMES_CONTINUATION = 0,
	FRAMES_TEXT = 1,
	FRAMES_BINARY = 2,
	FRAMES_CLOSE = 8,
	FRAMES_PING = 9,
	FRAMES_PONG = 10,
};

enum frames_code {
	FRAMES_NORMAL = 1000,
	FRAMES_PROTOCOL_ERROR = 1002,
	FRAMES_NOT_TEXT = 1003,
	FRAMES_NO_CODE = 1005, /* never sent: the client gave none */
	FRAMES_NOT_UTF8 = 1007,
	FRAMES_POLICY = 1008,
	FRAMES_TOO_LARGE = 1009,
	FRAMES_INTERNAL = 1011,
	FRAMES_TRY_LATER = 1013,
};

enum frames_event {
	FRAMES_MORE,	/* all bytes were taken, nothing is whole */
	FRAMES_MESSAGE, /* text, valid UTF-8, in data */
	FRAMES_PINGED,	/* what it wants back is in control */
	FRAMES_CLOSED,	/* with code */
	FRAMES_BROKEN,	/* code says why; nothing may be fed any more */
};

/* Zeroed to begin with, max set. */
struct frames {
	size_t max; /* of a message */
	char *data; /* owned */
	size_t size, capacity;
	unsigned char control[FRAMES_CONTROL_MAX];
	size_t control_size;
	unsigned int code;
	/* Of the frame that is being read. */
	unsigned char header[FRAMES_CLIENT_HEADER_MAX];
	size_t header_size;
	uint64_t left, position;
	bool in_payload, in_message;
};

/** Take bytes up to the next event. *ret_used of them were taken; feed the rest after it. */
enum frames_event frames_feed(struct frames *f, const unsigned char *bytes, size_t size, size_t *ret_used);

/** The message was used, or will not be: its bytes are freed. */
void frames_forget(struct frames *f);

/** The header of one whole frame of ours. Returns its length. */
size_t frames_header(enum frames_opcode opcode, uint64_t size, unsigned char ret[FRAMES_HEADER_MAX]);

#endif
