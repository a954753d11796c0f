/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/monitor.h"

#include "base/clock.h"
#include "base/fd.h"
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The control socket, signals, monitor_break(). */
#define OWN_POLL_MAX 3

static const int passed_signals[] = {SIGINT,  SIGTERM, SIGHUP,	SIGQUIT, SIGUSR1,
				     SIGUSR2, SIGTSTP, SIGWINCH, SIGALRM};

/* How long a terminal that takes nothing is waited for at the end: after a limit, or not. */
#define IMPATIENT_MS 1000
#define PATIENT_MS 60000
/* How long init may take to end the app and count what it had used. */
#define COUNT_MS 1000
/* How closely a limit of cpu time is watched at most. */
#define LOOK_MS 10

int monitor_init(struct monitor *m)
{
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(passed_signals); i++)
		sigaddset(&set, passed_signals[i]);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGCONT);
	/* A reader that goes away ends the app, as it would without us, and not us. */
	if (m->output.budget.limited)
		sigaddset(&set, SIGPIPE);
	/* A terminal we are not in the foreground of must not stop us midway. */
	sigaddset(&set, SIGTTOU);
	sigaddset(&set, SIGTTIN);
	if (sigprocmask(SIG_BLOCK, &set, &m->old_mask) < 0)
		return -errno;
	sigdelset(&set, SIGTTOU);
	sigdelset(&set, SIGTTIN);
	sigdelset(&set, SIGPIPE);
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	m->broken_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->signal_fd < 0 || m->broken_fd < 0)
		return -errno;
	r = pty_init(&m->pty, m->tty, &m->output.budget);
	return r;
}

void monitor_done(struct monitor *m)
{
	pty_done(&m->pty);
	output_done(&m->output);
	close_keep_errno(TAKE_FD(m->signal_fd));
	close_keep_errno(TAKE_FD(m->control_fd));
	close_keep_errno(TAKE_FD(m->init_pidfd));
}

/* Init and, with its pid namespace, everything in it. It need not be our child: in a
 * prompting run it is the attach helper's. */
static void end_init(const struct monitor *m)
{
	struct pollfd pfd = {.fd = m->init_pidfd, .events = POLLIN};

	(void)syscall(SYS_pidfd_send_signal, m->init_pidfd, SIGKILL, NULL, 0);
	while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
		;
}

static void tell(const struct monitor *m, enum control_kind kind, int value)
{
	struct control_message message = {.kind = kind, .value = value};

	/* Init is gone: its end is reported by the socket's end. */
	(void)!fd_send(m->control_fd, &message, sizeof(message), NULL, 0);
}

/* Stop as the app did, so that the shell sees what it would see of the app itself. The
 * terminal's signals go to every process of the job. Returns false when we did not stop:
 * there is no shell to continue us (an orphaned process group). */
static bool stop_like(int signal)
{
	static const struct timespec at_once = {0};
	sigset_t stop, go_on;

	sigemptyset(&stop);
	sigaddset(&stop, signal);
	sigemptyset(&go_on);
	sigaddset(&go_on, SIGCONT);
	while (sigtimedwait(&go_on, NULL, &at_once) > 0)
		;
	(void)(signal == SIGSTOP ? raise(signal) : kill(0, signal));
	/* It is blocked, but for SIGSTOP: here we stop, until SIGCONT. */
	pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	return sigtimedwait(&go_on, NULL, &at_once) > 0;
}

static void stop_with_app(struct monitor *m, int signal)
{
	bool wants_keys = signal == SIGTTIN || signal == SIGTTOU;
	bool owned, stopped;

	/* The app, a background job of its own terminal, wants ours: take it if we may. */
	if (wants_keys && pty_claim(&m->pty)) {
		pty_resize(&m->pty);
		tell(m, CONTROL_RESUME, true);
		return;
	}
	owned = pty_suspend(&m->pty);
	stopped = stop_like(signal);
	owned = pty_resume(&m->pty, owned || wants_keys);
	/* Nobody will ever bring it to the front: an error for the app, not a stop for ever. */
	if (wants_keys && !stopped && !owned)
		pty_hang_up(&m->pty);
	tell(m, CONTROL_RESUME, owned);
}

/* Somebody stopped and continued us alone. */
static void come_back(struct monitor *m)
{
	bool owned = m->pty.owned;

	if (!owned)
		return;
	m->pty.owned = false;
	if (!pty_resume(&m->pty, true))
		tell(m, CONTROL_RESUME, false);
}

/* What ends a program that does not deal with it. */
static bool means_end(uint32_t signal)
{
	return signal == SIGINT || signal == SIGTERM || signal == SIGHUP || signal == SIGQUIT;
}

static void take_signals(struct monitor *m)
{
	struct signalfd_siginfo info;

	while (read(m->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		m->told_to_end = m->told_to_end || means_end(info.ssi_signo);
		if (info.ssi_signo == SIGWINCH)
			pty_resize(&m->pty);
		else if (info.ssi_signo == SIGCONT)
			come_back(m);
		else
			tell(m, CONTROL_SIGNAL, (int)info.ssi_signo);
	}
}

static void fail(struct monitor_outcome *ret, int code, const char *text)
{
	ret->reason = MONITOR_NOT_RUN;
	ret->exit_code = code;
	snprintf(ret->text, sizeof(ret->text), "%.*s", ERROR_LINE_MAX - 1, text);
}

static void take_ready(struct monitor *m, const struct control_message *message,
		       int fds[FD_PASS_MAX], struct monitor_outcome *ret)
{
	struct appsilo_error err = {0};
	size_t n = 0;
	int listener_fd = -EBADF;

	m->ready = true;
	if (message->has_pty)
		pty_start(&m->pty, TAKE_FD(fds[n]), message->status), n++;
	if (message->has_listener)
		listener_fd = TAKE_FD(fds[n]);
	if (m->on_ready && m->on_ready(m->data, listener_fd, (uint32_t)message->value, &err) < 0)
		fail(ret, 125, err.line);
}

static void take_usage(struct monitor *m, const struct control_message *message,
		       struct monitor_outcome *ret)
{
	m->ended = true;
	ret->cpu_ms = message->cpu_us / 1000;
	ret->max_rss_bytes = message->max_rss_bytes;
}

static void take_end(struct monitor *m, const struct control_message *message,
		     struct monitor_outcome *ret)
{
	int status = message->status;

	take_usage(m, message, ret);
	if (WIFEXITED(status)) {
		ret->reason = MONITOR_EXITED;
		ret->exit_code = WEXITSTATUS(status);
		return;
	}
	ret->signal = WTERMSIG(status);
	ret->reason = MONITOR_SIGNALED;
	ret->exit_code = 128 + ret->signal;
	/* The kernel's own clock for the limit is coarser than what is reported, by a tick or
	 * two; its first signal says enough, its second one (SIGKILL) could be anybody's. */
	if (m->cpu_time_ms &&
	    (ret->signal == SIGXCPU ||
	     (ret->signal == SIGKILL && (uint64_t)ret->cpu_ms + 100 >= m->cpu_time_ms))) {
		ret->reason = MONITOR_TIMEOUT;
		ret->exit_code = 124;
	}
}

/* Returns true when the sandbox has ended. */
static bool take_message(struct monitor *m, struct monitor_outcome *ret)
{
	struct control_message message;
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(m->control_fd, &message, sizeof(message), MSG_DONTWAIT, fds);

	/* Init ended without reading all we sent: that is told first, its last words after. */
	if (n == -ECONNRESET)
		n = fd_receive(m->control_fd, &message, sizeof(message), MSG_DONTWAIT, fds);
	if (n == -EAGAIN)
		return false;
	if (n != sizeof(message)) {
		fail(ret, 125, "run: the sandbox's init died unexpectedly");
		return true;
	}
	message.text[sizeof(message.text) - 1] = '\0';
	switch ((enum control_kind)message.kind) {
	case CONTROL_READY:
		take_ready(m, &message, fds, ret);
		return ret->text[0] != '\0';
	case CONTROL_STOPPED:
		stop_with_app(m, message.value);
		return false;
	case CONTROL_LISTENED:
		if (m->on_listened)
			m->on_listened(m->data, message.call, message.value);
		return false;
	case CONTROL_EXITED:
		take_end(m, &message, ret);
		return true;
	case CONTROL_FAILED:
		fail(ret, message.value, message.text);
		return true;
	case CONTROL_BROKER:
	case CONTROL_ATTACH:
	case CONTROL_BUILD:
	case CONTROL_GO:
	case CONTROL_SIGNAL:
	case CONTROL_RESUME:
	case CONTROL_LISTEN:
	case CONTROL_END:
		break;
	}
	fail(ret, 125, "run: the sandbox's init sent nonsense");
	return true;
}

void monitor_break(struct monitor *m)
{
	(void)eventfd_write(m->broken_fd, 1); /* full: it was said before */
}

/* The kernel tells no call that waits for a packet that none will come (N14). */
static void end_without_network(struct monitor *m, struct monitor_outcome *ret)
{
	struct pollfd control = {.fd = m->control_fd, .events = POLLIN};

	/* Where the sandbox has ended, its network ends with it: its own words count. */
	while (poll(&control, 1, 0) > 0)
		if (take_message(m, ret))
			return;
	fail(ret, 125, "run: the sandbox's network died unexpectedly (appsilo-net): the run ends");
}

static int64_t wall_left(const struct monitor *m, int64_t start_ms, int64_t now_ms)
{
	int64_t left = start_ms + (int64_t)m->wall_time_ms - now_ms;

	return m->wall_time_ms == 0 ? INT64_MAX : left < 0 ? 0 : left;
}

/* All processes together cannot use up what is left of their time sooner than every processor
 * allows: then we look again. Returns how long to wait; 0: it is used up. */
static int64_t cpu_left(struct monitor *m, int64_t now_ms)
{
	int64_t used_us, left_ms;

	if (m->cpu_time_ms == 0 || now_ms < m->look_ms)
		return m->cpu_time_ms == 0 ? INT64_MAX : m->look_ms - now_ms;
	used_us = cgroup_meter_cpu_us(&m->meter);
	if (used_us < 0) {
		m->look_ms = INT64_MAX; /* no cgroup: each process has its own limit */
		return INT64_MAX;
	}
	if (used_us / 1000 >= (int64_t)m->cpu_time_ms)
		return 0;
	left_ms = ((int64_t)m->cpu_time_ms - used_us / 1000) / sysconf(_SC_NPROCESSORS_ONLN);
	left_ms = left_ms < LOOK_MS ? LOOK_MS : left_ms;
	m->look_ms = now_ms + left_ms;
	return left_ms;
}

/* For poll(): -1 without a limit, 0 at its end. */
static int time_left(struct monitor *m, int64_t start_ms)
{
	int64_t now_ms, wall, cpu;

	if (m->wall_time_ms == 0 && m->cpu_time_ms == 0)
		return -1;
	now_ms = clock_monotonic_ms();
	wall = wall_left(m, start_ms, now_ms);
	cpu = cpu_left(m, now_ms);
	wall = cpu < wall ? cpu : wall;
	return wall == INT64_MAX ? -1 : wall > 1000000000 ? 1000000000 : (int)wall;
}

static void end_by(struct monitor_outcome *ret, enum monitor_reason reason)
{
	ret->reason = reason;
	ret->signal = reason == MONITOR_OUTPUT ? SIGKILL : 0;
	ret->exit_code = reason == MONITOR_OUTPUT ? 128 + SIGKILL : 124;
}

static bool turn(struct monitor *m, int64_t start_ms, struct monitor_outcome *ret)
{
	struct pollfd fds[PTY_POLL_MAX + OUTPUT_POLL_MAX + OWN_POLL_MAX + MONITOR_SOURCES_MAX];
	size_t n_pty = pty_poll_entries(&m->pty, fds);
	bool counted = output_is_open(&m->output);
	size_t n_own = n_pty + (counted ? OUTPUT_POLL_MAX : 0), n = n_own;

	if (counted)
		output_poll_entries(&m->output, fds + n_pty);
	fds[n++] = (struct pollfd){.fd = m->control_fd, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = m->signal_fd, .events = POLLIN};
	fds[n++] = (struct pollfd){.fd = m->broken_fd, .events = POLLIN};
	for (size_t i = 0; i < m->n_sources; i++)
		fds[n++] = (struct pollfd){.fd = m->sources[i].fd, .events = POLLIN};
	if (poll(fds, n, time_left(m, start_ms)) < 0 && errno != EINTR) {
		fail(ret, 125, "run: poll failed");
		return true;
	}
	if (time_left(m, start_ms) == 0) {
		end_by(ret, MONITOR_TIMEOUT);
		return true;
	}
	pty_step(&m->pty, fds, n_pty);
	if (counted)
		output_step(&m->output, fds + n_pty, false);
	if (atomic_load(&m->output.budget.exceeded)) {
		end_by(ret, MONITOR_OUTPUT);
		return true;
	}
	if (pty_was_lost(&m->pty))
		tell(m, CONTROL_RESUME, false);
	if (pty_wants_repaint(&m->pty))
		tell(m, CONTROL_SIGNAL, SIGWINCH);
	if (fds[n_own + 1].revents)
		take_signals(m);
	for (size_t i = 0; i < n - n_own - OWN_POLL_MAX; i++)
		if (fds[n_own + OWN_POLL_MAX + i].revents)
			m->sources[i].take(m->sources[i].data);
	if (fds[n_own + 2].revents) {
		end_without_network(m, ret);
		return true;
	}
	return fds[n_own].revents && take_message(m, ret);
}

/* A limit is reached. Init reaps all of the app, and so knows what it had used; if it takes too
 * long, it goes without that. */
static void end_app(struct monitor *m, struct monitor_outcome *ret)
{
	int64_t end_ms = clock_monotonic_ms() + COUNT_MS, left_ms = COUNT_MS;
	struct pollfd control = {.fd = m->control_fd, .events = POLLIN};
	struct control_message message;
	int fds[FD_PASS_MAX];

	if (!m->ready || m->ended)
		return;
	tell(m, CONTROL_END, 0);
	while (!m->ended && left_ms > 0 && (poll(&control, 1, (int)left_ms) >= 0 || errno == EINTR)) {
		ssize_t n = fd_receive(m->control_fd, &message, sizeof(message), MSG_DONTWAIT, fds);

		if (n == sizeof(message) && message.kind == CONTROL_EXITED)
			take_usage(m, &message, ret);
		else if (n != sizeof(message) && n != -EAGAIN)
			return;
		left_ms = end_ms - clock_monotonic_ms();
	}
}

/* A signal that would end the app, which would be waiting for its reader now. */
static bool is_told_to_end(const struct monitor *m)
{
	struct signalfd_siginfo info;
	bool told = false;

	while (read(m->signal_fd, &info, sizeof(info)) == sizeof(info))
		told = told || means_end(info.ssi_signo);
	return told;
}

/* Nothing writes any more. What was printed is passed on as slowly as it is read, unless the
 * run was to end anyway. */
static void drain_output(struct monitor *m, int64_t start_ms, struct monitor_outcome *ret)
{
	bool hurry = ret->reason == MONITOR_TIMEOUT ||
		     (ret->reason == MONITOR_SIGNALED && m->told_to_end);

	m->cpu_time_ms = 0; /* nothing uses any */
	while (output_is_open(&m->output)) {
		struct pollfd fds[OUTPUT_POLL_MAX + 1];
		bool waits = output_waits(&m->output);
		int n;

		output_poll_entries(&m->output, fds);
		fds[OUTPUT_POLL_MAX] = (struct pollfd){.fd = m->signal_fd, .events = POLLIN};
		n = poll(fds, ARRAY_SIZE(fds),
			 !waits ? 0 : hurry ? IMPATIENT_MS : time_left(m, start_ms));
		if (waits && n == 0 && !hurry)
			end_by(ret, MONITOR_TIMEOUT);
		if ((waits && n == 0) || (fds[OUTPUT_POLL_MAX].revents && is_told_to_end(m)))
			return;
		output_step(&m->output, fds, true);
	}
}

/* What it used, all processes together, and whether a limit explains how it ended. */
static void account(const struct monitor *m, struct monitor_outcome *ret)
{
	struct cgroup_usage usage;

	cgroup_meter_read(&m->meter, &usage);
	if (usage.cpu_us >= 0)
		ret->cpu_ms = usage.cpu_us / 1000;
	if (usage.peak_bytes >= 0)
		ret->max_rss_bytes = usage.peak_bytes;
	if (ret->exit_code == 0 ||
	    (ret->reason != MONITOR_EXITED && ret->reason != MONITOR_SIGNALED))
		return;
	if (usage.oom_kills > 0)
		ret->reason = MONITOR_OOM;
	else if (usage.forks_refused > 0)
		ret->reason = MONITOR_PIDS;
}

void monitor_run(struct monitor *m, struct monitor_outcome *ret)
{
	int64_t start_ms = clock_monotonic_ms();

	*ret = (struct monitor_outcome){.reason = MONITOR_EXITED};
	while (!turn(m, start_ms, ret))
		;
	if (ret->reason == MONITOR_TIMEOUT || ret->reason == MONITOR_OUTPUT)
		end_app(m, ret);
	/* Init has said that nothing of the app runs any more; what is left of it are its
	 * namespaces, which the kernel takes down by itself. */
	if (!m->leave_early || m->pty.master_fd >= 0 || !m->ended)
		end_init(m);
	pty_drain(&m->pty, ret->reason == MONITOR_TIMEOUT ? IMPATIENT_MS : PATIENT_MS);
	drain_output(m, start_ms, ret);
	if (atomic_load(&m->output.budget.exceeded) && ret->reason != MONITOR_NOT_RUN)
		end_by(ret, MONITOR_OUTPUT);
	account(m, ret);
	ret->wall_ms = clock_monotonic_ms() - start_ms;
}
