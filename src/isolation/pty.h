/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay between the user's terminal and the sandbox's pseudo-terminal. The relay runs in
 * the monitor's loop; a prompter may take the terminal from another thread: from
 * pty_take() to pty_release() nothing of the app is read or written.
 */
#ifndef APPSILO_ISOLATION_PTY_H
#define APPSILO_ISOLATION_PTY_H

#include "base/error.h"
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <termios.h>

struct pty_relay {
	int master_fd;	       /* owned; -EBADF without a terminal */
	int in_fd, out_fd;     /* borrowed: the user's terminal, -EBADF when not a terminal */
	int wake_fd;	       /* owned eventfd: the held state changed */
	struct termios before; /* of in_fd, restored at the end */
	bool raw;
	bool in_closed;
	pthread_mutex_t io;    /* held while bytes are moved, and while a prompter has the tty */
	bool held;	       /* a prompter has it; atomic */
	char pending[4096];    /* typed but not yet taken by the app */
	size_t pending_used;
};

/** Prepare an inactive relay. Returns 0; -errno. */
int pty_init(struct pty_relay *relay) must_check;

/** Close, restore the terminal. Accepts an inactive relay. */
void pty_done(struct pty_relay *relay);

/**
 * Start relaying: copy settings and size to the sandbox's terminal, make ours raw.
 * @master_fd  taken over
 * @tty        which of the standard descriptors are terminals
 */
void pty_start(struct pty_relay *relay, int master_fd, const bool tty[3]);

/** Copy the window size to the sandbox's terminal. */
void pty_resize(struct pty_relay *relay);

/** Fill up to three poll entries. Returns how many. */
size_t pty_poll_entries(const struct pty_relay *relay, struct pollfd *entries);

/** Move what is ready. */
void pty_step(struct pty_relay *relay, const struct pollfd *entries, size_t n);

/** Write out everything the sandbox has printed; its last process is gone. */
void pty_drain(struct pty_relay *relay);

/** Take the terminal for a prompt (any thread): the app's side is at rest, settings normal. */
void pty_take(struct pty_relay *relay);
void pty_release(struct pty_relay *relay);

/** Put the terminal back to the caller's settings (before stopping), and raw again. */
void pty_suspend(struct pty_relay *relay);
void pty_resume(struct pty_relay *relay);

#endif
