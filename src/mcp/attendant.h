/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside a run that goes on: tells the client of its progress, and carries consent questions from
 * the run's broker (an agent of appsilo-prompt(7), on a socket of this run alone) to the client and
 * answers back. One thread, one poll.
 */
#ifndef APPSILO_MCP_ATTENDANT_H
#define APPSILO_MCP_ATTENDANT_H

#include "mcp/session.h"

struct attendant {
	struct mcp_call *call;	/* borrowed */
	struct mcp_sink *sink;	/* borrowed */
	char path[108];		/* of the socket; empty: no questions come */
	pid_t run_pid;		/* whose questions are taken */
	int listen_fd, stop_fd; /* owned */
	json_t *denied;		/* an array of what was; owned */
	pthread_t thread;
	bool running;
};

/** Before the run: the socket, where the session's client is to be asked. Returns 0; -errno with the line. */
int attendant_open(struct attendant *a, struct mcp_call *call, struct mcp_sink *sink,
		   struct appsilo_error *err) must_check;

/** Once the run is a process. Returns 0; -errno. */
int attendant_start(struct attendant *a, pid_t run_pid) must_check;

/** When the run has ended, also after a failure: the thread is gone afterwards, @a->denied stays. */
void attendant_stop(struct attendant *a);
void attendant_done(struct attendant *a);

#endif
