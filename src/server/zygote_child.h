/* SPDX-License-Identifier: Apache-2.0 */
/* One sandbox of a zygote, from its copy of the memory to its end: zygote.h. */
#ifndef APPSILO_SERVER_ZYGOTE_CHILD_H
#define APPSILO_SERVER_ZYGOTE_CHILD_H

#include "server/hot_pages.h"
#include "server/nest.h"
#include "server/zygote.h"

/**
 * Make one. In the sandbox this never returns.
 * @socket_fd  its end of the pair with the pool; borrowed here, its own there
 * Returns init's pid; -errno.
 */
int zygote_child_make(const struct zygote_guest *guest, const struct nest *nest,
		      const struct hot_pages *hot, int socket_fd) must_check;

#endif
