/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side, on libmicrohttpd: a few threads that wait for many connections. What a request
 * may be (size, origin, token) is checked before its body is taken.
 */
#ifndef APPSILO_SERVER_HTTP_H
#define APPSILO_SERVER_HTTP_H

#include "server/server.h"

struct MHD_Daemon;

/**
 * Serve on @listen_fd, which is taken. Returns 0; -errno with the line.
 */
int http_start(struct server *s, int listen_fd, struct MHD_Daemon **ret,
	       struct appsilo_error *err) must_check;

/** Accept nobody any more; who is connected is answered. */
void http_quiesce(struct MHD_Daemon *daemon);
/** When no job is left: end all connections. */
void http_stop(struct MHD_Daemon *daemon);

#endif
