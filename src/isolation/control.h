/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between the sandbox's init (I) and its parent (the launcher P, or the broker B
 * after exec): one SOCK_SEQPACKET pair, one fixed struct a message. The app never holds
 * either end. docs/ARCHITECTURE.md, Processes.
 */
#ifndef APPSILO_ISOLATION_CONTROL_H
#define APPSILO_ISOLATION_CONTROL_H

#include "base/error.h"
#include <stdint.h>

enum control_kind {
	/* I -> parent */
	CONTROL_READY = 1, /* root built, fences up; descriptors: pty master, notify listener */
	CONTROL_FAILED,	   /* nothing ran; text says why, value is the exit code */
	CONTROL_STOPPED,   /* the app's job stopped (value: signal) */
	CONTROL_EXITED,	   /* the app ended; usage filled; nothing of it runs any more */
	/* parent -> I */
	CONTROL_GO,	/* exec the app now */
	CONTROL_SIGNAL, /* pass a signal (value) to the app */
	CONTROL_RESUME, /* continue a stopped app in the foreground */
};

struct control_message {
	uint32_t kind;
	int32_t value;	/* signal, exit code */
	int32_t status; /* CONTROL_EXITED: wait status */
	uint32_t has_pty, has_listener;
	int64_t cpu_us, max_rss_bytes;
	char text[ERROR_LINE_MAX];
};

#endif
