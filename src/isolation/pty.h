/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relay between the user's terminal and the sandbox's pseudo-terminal. The relay runs in
 * the monitor's loop; a prompter may take the terminal from another thread: from
 * pty_take() to pty_release() nothing of the app is read or written.
 *
 * Who has the keyboard. As long as the relay does not own the user's terminal it leaves
 * its settings and its keys alone: another job of the shell, or another program of the
 * same pipeline, may be using them. Then the app is a background job on its own terminal,
 * and the kernel stops it (SIGTTIN, SIGTTOU) the moment it wants to read keys or change
 * settings. That stop is the sign to take the user's terminal (pty_claim), or, when we
 * are a background job ourselves, to stop like any other program. When all three standard
 * descriptors are the terminal and we are in front, the relay owns it from the start.
 */
#ifndef APPSILO_ISOLATION_PTY_H
#define APPSILO_ISOLATION_PTY_H

#include "base/error.h"
#include "isolation/output.h"
#include "isolation/term_state.h"
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <termios.h>

#define PTY_POLL_MAX 4

struct pty_relay {
	int master_fd;	   /* owned; -EBADF without a terminal */
	int in_fd, out_fd; /* borrowed: the user's terminal, -EBADF when there is none */
	int quick_fd;	   /* owned: out_fd opened again, non-blocking; -EBADF when that failed */
	int wake_fd;	   /* owned eventfd: the held state changed */
	struct termios before;	  /* of in_fd, restored whenever we let go of it */
	struct termios suspended; /* in_fd's at pty_suspend(), when a prompter had it */
	bool owned;		  /* raw, and its keys are ours */
	bool copied;		  /* the app's terminal has the user's settings */
	bool lost;		  /* another job has come to the front */
	bool ended;		  /* the user's terminal is gone */
	pthread_mutex_t io;   /* held while bytes are moved, and while a prompter has the tty */
	bool held;	      /* a prompter has it; atomic */
	bool repaint_due;     /* the app must paint again, once it has its answer; prompter's */
	bool repaint;	      /* now; atomic */
	struct output_budget *budget; /* borrowed: what is printed comes out of it */
	struct term_state state;
	size_t n_keys, n_output, output_at;
	char keys[4096];      /* typed but not yet taken by the app */
	char output[16384];   /* printed but not yet taken by the terminal */
};

/**
 * Prepare an inactive relay.
 * @tty     which of the standard descriptors are terminals
 * @budget  of all that the app prints; borrowed
 * Returns 0; -errno.
 */
int pty_init(struct pty_relay *relay, const bool tty[3], struct output_budget *budget) must_check;

/** Close; restore the terminal, also from what a killed app left on. Accepts an inactive relay. */
void pty_done(struct pty_relay *relay);

/**
 * Are we the job in front on the terminal @fd? True when it is not our controlling
 * terminal: then there are no jobs.
 */
bool pty_in_front(int fd);

/**
 * Start relaying: copy settings and size to the sandbox's terminal.
 * @master_fd  taken over
 * @owned      own the user's terminal from the start; see above
 */
void pty_start(struct pty_relay *relay, int master_fd, bool owned);

/** Copy the window size to the sandbox's terminal. */
void pty_resize(struct pty_relay *relay);

/** Fill up to PTY_POLL_MAX poll entries. Returns how many. */
size_t pty_poll_entries(const struct pty_relay *relay, struct pollfd *entries);

/** Move what is ready. */
void pty_step(struct pty_relay *relay, const struct pollfd *entries, size_t n);

/**
 * Write out everything the sandbox has printed; its last process is gone.
 * @patience_ms  a terminal that takes nothing for so long is not waited for
 */
void pty_drain(struct pty_relay *relay, int patience_ms);

/**
 * Own the user's terminal: raw, keys go to the app. Returns false, and does nothing, when
 * there is none or another job is in front.
 */
bool pty_claim(struct pty_relay *relay);

/** True once after the terminal was lost to another job. */
bool pty_was_lost(struct pty_relay *relay);

/** Take the terminal for a prompt (any thread): the app's side is at rest, settings normal. */
void pty_take(struct pty_relay *relay);
void pty_release(struct pty_relay *relay);

/** The prompter's answer has reached the app (same thread as the two above). */
void pty_answered(struct pty_relay *relay);

/** True once after that, when the app should paint its screen again. */
bool pty_wants_repaint(struct pty_relay *relay);

/**
 * Type a control character for the person, from a prompt. Returns false when the app does
 * not have the keyboard.
 */
bool pty_type(struct pty_relay *relay, char key);

/** Put the terminal back to the caller's settings, before stopping. Returns: was it ours? */
bool pty_suspend(struct pty_relay *relay);
/** After stopping. @claim own it again when we are in front. Returns whether we do. */
bool pty_resume(struct pty_relay *relay, bool claim);

/** The terminal is gone: the app sees a hang-up. */
void pty_hang_up(struct pty_relay *relay);

#endif
