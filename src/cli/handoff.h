/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the builder of a prompting run hands to the broker over their socket, once: facts,
 * descriptors and the words of `run`; or the line that says why there will be no run.
 * A SOCK_SEQPACKET pair, which from then on carries the requests to the attach helper.
 * Both ends are our own; the app never holds either. docs/ARCHITECTURE.md, Processes.
 */
#ifndef APPSILO_CLI_HANDOFF_H
#define APPSILO_CLI_HANDOFF_H

#include "base/error.h"
#include "isolation/cgroup.h"
#include "isolation/output.h"
#include <sys/types.h>

enum handoff_fd {
	HANDOFF_FUSE,	 /* /dev/fuse, mounted */
	HANDOFF_CONTROL, /* to init */
	HANDOFF_WATCH,	 /* inotify; the helper holds it too: closing the last one takes milliseconds */
	HANDOFF_INIT,	 /* init's pidfd */
	HANDOFF_MOUNT_NS, /* the broker's own, M1 */
	HANDOFF_USER_NS, /* its user namespace, U1; not in root runs */
	HANDOFF_NET,	 /* the judge's socket of appsilo-net; without a network not */
	HANDOFF_STACKS,	 /* to appsilo-stacks; without stacks not */
	HANDOFF_OUTPUT,	 /* pipes from the app, where its output is counted */
	HANDOFF_METER = HANDOFF_OUTPUT + OUTPUT_STREAMS, /* of its cgroup, where it has one */
	HANDOFF_FDS = HANDOFF_METER + CGROUP_METER_FDS,
};

enum handoff_fact {
	HANDOFF_FAMILY,
	HANDOFF_APP,
	HANDOFF_REAL,
	HANDOFF_CWD,
	HANDOFF_HOME,
	HANDOFF_PACKAGE, /* its folder; "" without one */
	HANDOFF_SIGNER,	 /* of the package; "" without one */
	HANDOFF_WINDOW,	 /* the program that is the prompt window; "" where there can be none */
	HANDOFF_PROMPT,	 /* which prompter, as --prompt has it; "" where none was named */
	HANDOFF_FACTS,
};

struct handoff {
	int fds[HANDOFF_FDS]; /* owned by the receiver; -EBADF where there is none */
	pid_t init_pid;
	uid_t app_uid;
	dev_t view_dev; /* the device number of the brokered view */
	int start_cpu; /* where init builds the root; -1: anywhere */
	const char *facts[HANDOFF_FACTS]; /* borrowed from @text or from the sender */
	char *const *words; /* of `run`, NULL-ended; the array is owned by the receiver */
	char *text;	    /* receiver: owned */
};

/** Send @h. Returns 0; -errno. */
int handoff_send(int socket_fd, const struct handoff *h) must_check;

/** Send instead why nothing can run. Nobody is left to hear of a failure. */
void handoff_send_failure(int socket_fd, int exit_code, const struct appsilo_error *why);

/**
 * Wait for it. @ret is to be released with handoff_done(), also after a failure.
 * @ret_exit_code  what `run` ends with when it fails
 * Returns 0; -errno with the builder's line.
 */
int handoff_receive(int socket_fd, struct handoff *ret, int *ret_exit_code,
		    struct appsilo_error *err) must_check;

void handoff_done(struct handoff *h);

#endif
