/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told instead of an answer: {"error":{"code","message"}}. */
#ifndef APPSILO_SERVER_API_ERROR_H
#define APPSILO_SERVER_API_ERROR_H

#include "base/cleanup.h"

struct api_error {
	int status; /* of HTTP; 0: none */
	const char *code; /* a fixed word for programs */
	char message[320]; /* UTF-8; what of the client's is in it has been escaped */
	unsigned int retry_after_s; /* 0: no such header */
};

/** Fill @e. Returns -EINVAL, so that a decoder can end with it. */
int api_error_set(struct api_error *e, int status, const char *code, const char *format, ...)
	printf_like(4, 5);

#endif
