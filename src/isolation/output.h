/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the app prints, counted (--output). Without that option the app writes to the caller's
 * descriptors itself and there is nothing of this. With it, standard output and error are pipes
 * to us where they are no terminals (those are relayed anyway: pty.h), and one budget counts
 * all of them. Driven by the monitor's loop; the budget also by a prompter's thread.
 */
#ifndef APPSILO_ISOLATION_OUTPUT_H
#define APPSILO_ISOLATION_OUTPUT_H

#include "base/error.h"
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_STREAMS 2
#define OUTPUT_DATA_BYTES 65536
#define OUTPUT_POLL_MAX (2 * OUTPUT_STREAMS)

struct output_budget {
	bool limited;
	atomic_uint_least64_t left_bytes;
	atomic_bool exceeded; /* there was more */
};

/** Take @n bytes from the budget. Returns how many of them may be passed on. */
size_t output_budget_take(struct output_budget *budget, size_t n);

struct output_stream {
	int in_fd;    /* owned: from the app; -EBADF: no such stream, or it has ended */
	int out_fd;   /* borrowed: the caller's */
	int quick_fd; /* owned: out_fd's pipe opened again, non-blocking; -EBADF when it is none */
	bool socket;
	size_t n, at; /* what waits in the relay's data */
};

struct output_relay {
	struct output_stream streams[OUTPUT_STREAMS];
	struct output_budget budget;
	char data[OUTPUT_STREAMS][OUTPUT_DATA_BYTES]; /* printed but not yet taken by the reader */
};

/* The app's ends of the pipes, by descriptor less one: the same one twice where standard output
 * and error are the same file, so that their order stays. -EBADF: a terminal. */
struct output_pipes {
	int app_fds[OUTPUT_STREAMS], our_fds[OUTPUT_STREAMS];
};
#define OUTPUT_PIPES_NONE ((struct output_pipes){{-EBADF, -EBADF}, {-EBADF, -EBADF}})

/**
 * Make the pipes. @tty  which of the standard descriptors are terminals.
 * Returns 0; -errno.
 */
int output_pipes_make(const bool tty[3], struct output_pipes *ret) must_check;
void output_pipes_close_app(struct output_pipes *pipes);

/** @our_fds are taken over. @limit_bytes  0: nothing is counted, and there are no streams. */
void output_init(struct output_relay *relay, const int our_fds[OUTPUT_STREAMS],
		 uint64_t limit_bytes);
void output_done(struct output_relay *relay);

/** Is there a stream, or something to write? */
bool output_is_open(const struct output_relay *relay);

/** Is there something that its reader has not taken? */
bool output_waits(const struct output_relay *relay);

/** Fill OUTPUT_POLL_MAX poll entries. */
void output_poll_entries(const struct output_relay *relay, struct pollfd entries[OUTPUT_POLL_MAX]);

/**
 * Move what is ready. A reader that has gone is for the app as without us: SIGPIPE at its next
 * write.
 * @last  the app has ended: a stream with nothing in it has, too
 */
void output_step(struct output_relay *relay, const struct pollfd entries[OUTPUT_POLL_MAX],
		 bool last);

#endif
