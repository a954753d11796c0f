/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox of one warm child, made from inside, in its new namespaces, by the child itself:
 * private places over the zygote's root, then all fences, then the proof that they hold.
 * docs/ARCHITECTURE.md, Warm sandboxes. Single-threaded; no allocation.
 */
#ifndef APPSILO_SERVER_NEST_H
#define APPSILO_SERVER_NEST_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct nest {
	uid_t uid;
	gid_t gid;
	uint64_t disk_bytes;  /* of the private places together */
	uint64_t files_bytes; /* sent back at the end; 0: nothing is */
};

/* What clone3() is told for a child. Its network namespace is the zygote's at that moment. */
#define NEST_CLONE_FLAGS (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC)

/**
 * Make the calling process, pid 1 of a new pid namespace, the root of a sandbox.
 * @first_pid  the pid after this one is given to the next process
 * Returns 0; -errno with the line. After a failure the caller has to end.
 */
int nest_enter(const struct nest *nest, unsigned int first_pid,
	       struct appsilo_error *err) must_check;

#endif
