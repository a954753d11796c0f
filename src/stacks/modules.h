/* SPDX-License-Identifier: Apache-2.0 */
/* Which files are mapped where, by the text of /proc/PID/maps. The kernel wrote it, but the names in
 * it are the program's. Not thread-safe. */
#ifndef APPSILO_STACKS_MODULES_H
#define APPSILO_STACKS_MODULES_H

#include "base/cleanup.h"
#include "consent/stack_text.h"
#include <stdbool.h>

/* Programs that load more have no more of them named. */
#define MODULES_MAX 512

struct module {
	uint64_t start, end;
	uint64_t inode, device;
	char file[STACK_NAME_MAX]; /* "": longer than that */
};

struct modules {
	struct module list[MODULES_MAX];
	size_t n;
};

/** Read them from @maps_fd. Returns 0; -errno. */
int modules_read(int maps_fd, struct modules *ret) must_check;

/** The same files at the same places? */
bool modules_are_equal(const struct modules *a, const struct modules *b);

/** The one that @address lies in; NULL. */
const struct module *modules_find(const struct modules *modules, uint64_t address);

#endif
