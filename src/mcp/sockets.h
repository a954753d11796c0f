/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a server's sockets. Only the user and root get into it: nobody else may answer for
 * the user, or ask them. Its holder keeps it locked; what a killed server left is removed by the next.
 */
#ifndef APPSILO_MCP_SOCKETS_H
#define APPSILO_MCP_SOCKETS_H

#include "base/error.h"

#define SOCKETS_FOLDER_MAX 72 /* a socket in it must have a name that fits into an address */

struct sockets {
	char folder[SOCKETS_FOLDER_MAX]; /* empty: there is none */
	int lock_fd;			 /* owned */
};

/** In $XDG_RUNTIME_DIR, or /tmp. Returns 0; -errno with the line. */
int sockets_make(struct sockets *ret, struct appsilo_error *err) must_check;
void sockets_remove(struct sockets *s);

#endif
