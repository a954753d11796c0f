/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server did, one JSON object a line on stderr. No code, no input, no output, no token
 * is ever written. Thread-safe: one write a line.
 */
#ifndef APPSILO_SERVER_EVENT_LOG_H
#define APPSILO_SERVER_EVENT_LOG_H

#include "base/cleanup.h"
#include <stdint.h>

struct event_request {
	const char *method, *path, *tenant, *run, *reason; /* NULL: none */
	unsigned int status;
	int64_t ms;
};

/** A request was answered, or its client went away (status 0). */
void event_request(const struct event_request *e);

/** Something else: one word and a sentence. */
void event_note(const char *event, const char *format, ...) printf_like(2, 3);

#endif
