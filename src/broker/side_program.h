/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a program of ours beside a sandbox: it gets the descriptors that it is given, an empty
 * environment, no terminal, and dies with the calling thread. docs/ARCHITECTURE.md, Programs.
 */
#ifndef APPSILO_BROKER_SIDE_PROGRAM_H
#define APPSILO_BROKER_SIDE_PROGRAM_H

#include "base/error.h"
#include <stdbool.h>
#include <sys/types.h>

#define SIDE_PROGRAM_FDS_MAX 4
/* The first of them in the new program; the others follow. */
#define SIDE_PROGRAM_FIRST_FD 3

/* All borrowed. */
struct side_program {
	int program_fd; /* O_PATH: the app's uid of a root run may not reach its folder */
	const char *const *argv;
	int fds[SIDE_PROGRAM_FDS_MAX];
	size_t n_fds;
	bool change_ids; /* become these: the app's, in a root run */
	uid_t uid;
	gid_t gid;
};

/** Returns 0; -errno. What the new process cannot do ends it. */
int side_program_start(const struct side_program *program) must_check;

#endif
