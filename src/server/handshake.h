/* SPDX-License-Identifier: Apache-2.0 */
/* How a request becomes a websocket (RFC 6455, section 4): what it must say, what is answered. */
#ifndef APPSILO_SERVER_HANDSHAKE_H
#define APPSILO_SERVER_HANDSHAKE_H

#include "server/exchange.h"

/* Offered by a page next to "bearer.TOKEN", percent-encoded, because a browser cannot send Authorization. */
#define HANDSHAKE_PROTOCOL "appsilo"
#define HANDSHAKE_CREDENTIALS_MAX (3 * TOKEN_LENGTH_MAX + 16)

/** Does @x ask for a websocket, rightly? Returns 0; -EINVAL with @e set. */
int handshake_check(const struct exchange *x, struct api_error *e) must_check;

/** The token among the offered protocols as an Authorization header has it. False: there is none. */
bool handshake_credentials(const struct exchange *x, char ret[HANDSHAKE_CREDENTIALS_MAX]);

/** The headers of 101. Returns 0; -errno. */
int handshake_headers(const struct exchange *x, struct MHD_Response *response) must_check;

#endif
