/* SPDX-License-Identifier: Apache-2.0 */
/* One sandbox of a zygote, from its copy of the memory to its end: zygote.h. */
#ifndef APPSILO_SERVER_ZYGOTE_CHILD_H
#define APPSILO_SERVER_ZYGOTE_CHILD_H

#include "base/fd.h"
#include "server/hot_pages.h"
#include "server/nest.h"
#include "server/zygote.h"

/**
 * Make one. In the sandbox this never returns.
 * @trial  where its init notes what it has touched, at its end; NULL: no trial
 * @fds    its end of the pair with the pool, then what enters its control group, -EBADF where there
 *         is nothing; borrowed here, its own there
 * Returns init's pid; -errno.
 */
int zygote_child_make(const struct zygote_guest *guest, const struct nest *nest,
		      const struct hot_pages *hot, struct hot_trial *trial,
		      const int fds[FD_PASS_MAX]) must_check;

/**
 * Who makes sandboxes and takes them down preempts nobody (@on false); a sandbox's own process
 * does (true), as any other.
 */
void zygote_hurry(bool on);

#endif
