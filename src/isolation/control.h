/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between the sandbox's init (I) and its parent (the launcher P, or the broker B
 * after exec): one SOCK_SEQPACKET pair, one fixed struct a message. The app never holds
 * either end. docs/ARCHITECTURE.md, Processes.
 */
#ifndef APPSILO_ISOLATION_CONTROL_H
#define APPSILO_ISOLATION_CONTROL_H

#include "base/error.h"
#include <limits.h>
#include <stdint.h>

/* Folders attached while the root is built; the rest is attached when it is used. */
#define CONTROL_ATTACH_MAX 31

#define CONTROL_BUILD_GO 1     /* start the app without CONTROL_GO */
#define CONTROL_BUILD_REPORT 2 /* install the filter that reports calls that write */

enum control_kind {
	/* I -> parent */
	/* Root built, fences up; descriptors: pty master, notify listener; value: bit N is set
	 * when the Nth CONTROL_ATTACH succeeded; status: the app starts in front on its pty. */
	CONTROL_READY = 1,
	CONTROL_FAILED,	   /* nothing ran; text says why, value is the exit code */
	CONTROL_STOPPED,   /* the app's job stopped (value: signal) */
	CONTROL_EXITED,	   /* the app ended; usage filled; nothing of it runs any more */
	CONTROL_LISTENED,  /* CONTROL_LISTEN was done; call, and value: 0 or -errno */
	/* parent -> I, with a brokered view: while the root is built */
	CONTROL_BROKER, /* show text, below a private place, in the brokered view */
	CONTROL_ATTACH, /* show the host folder text over the view; value: 1 writable */
	CONTROL_BUILD,	/* no more of them; value: CONTROL_BUILD_*; status: how many ports of the
			 * host's loopback are open, uint16_t each, in text */
	/* parent -> I */
	CONTROL_GO,	/* exec the app now */
	CONTROL_SIGNAL, /* pass a signal (value) to the app */
	CONTROL_RESUME, /* continue a stopped app; value: in front on its pty */
	CONTROL_LISTEN, /* listen on the unix socket that comes with it; value: backlog. By init, so that
			 * whoever asks for the listener's credentials finds somebody of the sandbox */
	CONTROL_END,	/* kill all of the app; CONTROL_EXITED says what it had used */
};

struct control_message {
	uint32_t kind;
	int32_t value;	/* signal, exit code */
	int32_t status; /* CONTROL_EXITED: wait status */
	uint32_t has_pty, has_listener;
	uint64_t call; /* CONTROL_LISTEN: whose; CONTROL_LISTENED: the same */
	int64_t cpu_us, max_rss_bytes;
	char text[PATH_MAX];
};

#endif
