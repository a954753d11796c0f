/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program appsilo-net, the network of one sandbox, ready to be started: at once, or by H
 * when something first wants to go out. Plain data. docs/ARCHITECTURE.md, Network.
 */
#ifndef APPSILO_BROKER_NET_PROGRAM_H
#define APPSILO_BROKER_NET_PROGRAM_H

#include "base/error.h"
#include <stdbool.h>
#include <sys/types.h>

struct net_program {
	int program_fd;	/* O_PATH; owned, as the others; -EBADF: none */
	int init_fd;	/* its end of init's socket: isolation/net_wire.h */
	int judge_fd;	/* and of the judge's, the setup already in it */
	bool change_ids; /* become these: the app's, in a root run */
	uid_t uid;
	gid_t gid;
};

#define NET_PROGRAM_NONE {.program_fd = -EBADF, .init_fd = -EBADF, .judge_fd = -EBADF}

/** Start it and close the descriptors. It dies with the calling thread. Returns 0; -errno. */
int net_program_start(struct net_program *program) must_check;

void net_program_close(struct net_program *program);

#endif
