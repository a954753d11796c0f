/* SPDX-License-Identifier: Apache-2.0 */
/* Which calls change files, and where in their arguments they name them. */
#ifndef APPSILO_BROKER_CALL_SHAPE_H
#define APPSILO_BROKER_CALL_SHAPE_H

#include <linux/seccomp.h>
#include <stdbool.h>

#define CALL_SHAPE_UNUSED (-2)

/* Up to two (descriptor, path) argument pairs; CALLER_NONE (broker/caller.h): no descriptor argument (the
 * current directory), no path (the descriptor itself). */
struct call_shape {
	int number;
	const char *operation;
	signed char fd[2], path[2];
};

/** NULL: it changes no file. */
const struct call_shape *call_shape_find(int number);

/** Does the call move or remove what may be a folder? */
bool call_shape_moves_folder(const struct call_shape *shape, const struct seccomp_data *d);

/** How the call takes its first path, of enum caller_how; the second is always a name that is not followed. */
unsigned int call_shape_how(const struct seccomp_data *d);

#endif
