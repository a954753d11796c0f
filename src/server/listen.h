/* SPDX-License-Identifier: Apache-2.0 */
/* The socket to listen on: systemd's (sd_listen_fds(3)), or one of our own. */
#ifndef APPSILO_SERVER_LISTEN_H
#define APPSILO_SERVER_LISTEN_H

#include "base/error.h"
#include <stdbool.h>

#define LISTEN_SHOWN_MAX 80

/** Would listen_open() take these words? Where systemd gave a socket, they are not used. Returns 0; -EINVAL with
 * the line. */
int listen_check(const char *option, const char *address, bool open, struct appsilo_error *err) must_check;

/**
 * @option     for errors: "serve: --listen"
 * @address    as checked: ADDRESS:PORT or [ADDRESS]:PORT, numeric; not used when systemd gave a socket
 * @open       nobody needs a token: then only a loopback address is taken
 * @ret_shown  "http://ADDRESS:PORT" as it really is
 * Returns a descriptor; -errno with the line.
 */
int listen_open(const char *option, const char *address, bool open, char ret_shown[LISTEN_SHOWN_MAX],
		struct appsilo_error *err) must_check;

/** Tell a service manager that waits for it (sd_notify(3)). */
void listen_notify(const char *state);

#endif
