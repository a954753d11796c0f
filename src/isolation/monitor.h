/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's side of a running sandbox: control messages, signals, terminal, wall clock.
 * Used by the launcher in server mode and by the broker's main thread.
 */
#ifndef APPSILO_ISOLATION_MONITOR_H
#define APPSILO_ISOLATION_MONITOR_H

#include "isolation/cgroup.h"
#include "isolation/control.h"
#include "isolation/pty.h"
#include <signal.h>
#include <stdint.h>

enum monitor_reason {
	MONITOR_EXITED,
	MONITOR_SIGNALED,
	MONITOR_TIMEOUT,   /* wall or cpu time */
	MONITOR_OUTPUT,	   /* printed more than it may */
	MONITOR_OOM,	   /* ended badly, for want of memory */
	MONITOR_PIDS,	   /* ended badly, with a fork refused by the limit of pids */
	MONITOR_NOT_RUN,   /* the app never started; text and exit_code say why */
};

struct monitor_outcome {
	enum monitor_reason reason;
	int exit_code; /* of appsilo run: DESIGN section 5 */
	int signal;    /* 0 when not ended by one */
	int64_t wall_ms, cpu_ms, max_rss_bytes;
	char text[ERROR_LINE_MAX];
};

/* Something else to wait for. */
struct monitor_source {
	int fd; /* polled for input when >= 0; borrowed */
	void (*take)(void *data);
	void *data;
};

#define MONITOR_SOURCES_MAX 1

struct monitor {
	int control_fd;		/* owned */
	int init_pidfd;		/* owned */
	uint64_t wall_time_ms;	/* 0: none */
	uint64_t cpu_time_ms;	/* 0: none; rlimits hold it for each process, and with a meter it holds
				 * for all of them together */
	struct cgroup_meter meter; /* of the app's cgroup, or CGROUP_METER_NONE; borrowed */
	bool tty[3];		/* set before monitor_init() */
	bool leave_early;	/* without a terminal, do not wait until init's namespaces are gone */
	int broken_fd;		/* eventfd of monitor_break(), which may come to the process's end */
	struct monitor_source sources[MONITOR_SOURCES_MAX];
	size_t n_sources;
	/* Called once after CONTROL_READY, whose value is @attached; takes @listener_fd and, if
	 * init waits, sends CONTROL_GO when the app may start, now or later. May be NULL. */
	int (*on_ready)(void *data, int listener_fd, uint32_t attached, struct appsilo_error *err);
	/* CONTROL_LISTENED came. NULL: nobody asks for it. */
	void (*on_listened)(void *data, uint64_t call, int code);
	void *data;
	bool ready, ended;	/* init has said so */
	bool told_to_end;	/* by a signal, which was passed on */
	int64_t look_ms;	/* when to look at the cpu time again */
	int signal_fd;		/* owned */
	sigset_t old_mask;
	struct pty_relay pty;
	struct output_relay output; /* output_init() before monitor_init() */
};

/** Block the signals we pass on; before any thread starts. Returns 0; -errno. */
int monitor_init(struct monitor *m) must_check;
void monitor_done(struct monitor *m);

/** From any thread: the network of the run has died, and the run ends with an error, unless
 * the sandbox has ended and says so. */
void monitor_break(struct monitor *m);

/** Run until the sandbox has ended. The outcome is always filled. */
void monitor_run(struct monitor *m, struct monitor_outcome *ret);

#endif
