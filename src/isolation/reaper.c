/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/reaper.h"

#include "base/fd.h"
#include "base/text.h"
#include "isolation/cgroup.h"
#include "isolation/confine.h"
#include "isolation/control.h"
#include "isolation/kernel.h"
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct app {
	pid_t pid;
	const char *failed_step; /* set by the child before exec, in memory it shares */
	int failed_errno;
};

/* Between vfork and exec: system calls only; the memory is the parent's. */
static const char *prepare_child(const struct plan *plan, int slave_fd)
{
	sigset_t none;

	sigemptyset(&none);
	if (setpgid(0, 0) < 0)
		return "set its process group";
	if (slave_fd >= 0 && plan->in_front && tcsetpgrp(slave_fd, getpid()) < 0)
		return "give it the terminal";
	for (int fd = 0; fd < 3; fd++)
		if (plan->tty[fd] && dup2(slave_fd, fd) < 0)
			return "give it the terminal";
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		if (plan->output.app_fds[i] >= 0 && dup2(plan->output.app_fds[i], i + 1) < 0)
			return "give it its output";
	if (cgroup_join_child(plan->cgroup_fds) < 0)
		return "put it into its cgroup";
	/* Whatever the caller left open (CVE-2024-21626: a leaked directory reached the host). */
	if (k_close_range(3 + plan->n_handed_on, ~0U, 0) < 0)
		return "close descriptors";
	if (confine_rlimits(&plan->limits) < 0)
		return "set its limits";
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return "unblock signals";
	execve(plan->exe, plan->argv, plan->envp);
	return "execute";
}

static void start_app(struct plan *plan, int slave_fd, struct app *app)
{
	volatile struct app *shared = app;
	pid_t pid = vfork();

	if (pid == 0) {
		shared->failed_step = prepare_child(plan, slave_fd);
		shared->failed_errno = errno;
		_exit(127);
	}
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		close_keep_errno(plan->cgroup_fds[i]);
	output_pipes_close_app(&plan->output);
	app->pid = pid;
	if (pid < 0) {
		app->failed_step = "fork";
		app->failed_errno = errno;
	}
}

static void report_not_started(const struct plan *plan, const struct app *app)
{
	struct control_message m = {.kind = CONTROL_FAILED, .value = 125};
	bool exec = strcmp(app->failed_step, "execute") == 0;
	char shown[1024];

	if (exec)
		m.value = app->failed_errno == ENOENT || app->failed_errno == ENOTDIR ? 127 : 126;
	snprintf(m.text, sizeof(m.text), "run: cannot %s %s: %s%s", app->failed_step,
		 exec ? text_show(plan->exe, shown, sizeof(shown)) : "for the program",
		 strerror(app->failed_errno),
		 app->failed_errno == ENOSYS ? "; run appsilo doctor" : "");
	(void)!fd_send(plan->control_fd, &m, sizeof(m), NULL, 0);
	_exit(m.value);
}

/* What a terminal sends goes to the job in front on the app's own terminal, if that is one
 * of the app's; other signals go to the program that was named. */
static void pass_signal(const struct app *app, int signal, int slave_fd)
{
	bool job = signal == SIGINT || signal == SIGQUIT || signal == SIGTSTP ||
		   signal == SIGHUP || signal == SIGWINCH;
	pid_t front = job && slave_fd >= 0 ? tcgetpgrp(slave_fd) : -1;

	if (!job)
		kill(app->pid, signal);
	else
		kill(front > 0 && front != getpgrp() ? -front : -app->pid, signal);
}

/* In front or, when the user's terminal is another job's, as a background job that the
 * kernel stops when it wants the keyboard. */
static void resume(const struct app *app, bool in_front, int slave_fd)
{
	pid_t group = getpgid(app->pid);

	if (group > 0 && slave_fd >= 0)
		(void)tcsetpgrp(slave_fd, in_front ? group : getpgrp()); /* or it has hung up */
	if (group > 0)
		kill(-group, SIGCONT);
}

static void report_end(const struct plan *plan, int status)
{
	struct control_message m = {.kind = CONTROL_EXITED, .status = status};
	struct pollfd hang_up = {.fd = plan->control_fd};
	struct rusage usage;

	kill(-1, SIGKILL);
	while (wait4(-1, NULL, 0, NULL) > 0 || errno == EINTR)
		;
	getrusage(RUSAGE_CHILDREN, &usage);
	m.cpu_us = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		   usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	m.max_rss_bytes = (int64_t)usage.ru_maxrss * 1024;
	(void)!fd_send(plan->control_fd, &m, sizeof(m), NULL, 0);
	/* Whoever ends last takes the shared memory down: not the one that is waited for. */
	while (poll(&hang_up, 1, -1) < 0)
		;
	_exit(0);
}

/* Reap all that is ready; does not return once the app itself has ended. */
static void reap(const struct plan *plan, const struct app *app)
{
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG | WUNTRACED, NULL)) > 0) {
		if (pid != app->pid)
			continue;
		if (WIFSTOPPED(status)) {
			struct control_message m = {.kind = CONTROL_STOPPED,
						    .value = WSTOPSIG(status)};

			if (fd_send(plan->control_fd, &m, sizeof(m), NULL, 0) < 0)
				_exit(125);
			continue;
		}
		report_end(plan, status);
	}
}

static void listen_for(const struct plan *plan, const struct control_message *order, int socket_fd)
{
	struct control_message m = {.kind = CONTROL_LISTENED, .call = order->call};

	m.value = listen(socket_fd, order->value) < 0 ? -errno : 0;
	if (fd_send(plan->control_fd, &m, sizeof(m), NULL, 0) < 0)
		_exit(125);
}

static void take_order(const struct plan *plan, const struct app *app, int slave_fd)
{
	struct control_message m;
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(plan->control_fd, &m, sizeof(m), MSG_DONTWAIT, fds);

	if (n == -EAGAIN)
		return;
	if (n != sizeof(m))
		_exit(125);
	if (m.kind == CONTROL_SIGNAL) {
		pass_signal(app, m.value, slave_fd);
	} else if (m.kind == CONTROL_RESUME) {
		resume(app, m.value, slave_fd);
	} else if (m.kind == CONTROL_LISTEN) {
		listen_for(plan, &m, fds[0]);
		close_keep_errno(fds[0]);
	} else if (m.kind == CONTROL_END) {
		report_end(plan, SIGKILL);
	}
}

void reaper_run(struct plan *plan, int slave_fd)
{
	struct app app = {0};
	sigset_t child;
	struct pollfd fds[2];

	start_app(plan, slave_fd, &app);
	if (app.failed_step)
		report_not_started(plan, &app);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	fds[0].fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	fds[1].fd = plan->control_fd;
	fds[0].events = fds[1].events = POLLIN;
	if (fds[0].fd < 0)
		_exit(125);
	for (;;) {
		struct signalfd_siginfo info;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			_exit(125);
		if (fds[1].revents)
			take_order(plan, &app, slave_fd);
		while (read(fds[0].fd, &info, sizeof(info)) > 0)
			;
		reap(plan, &app);
	}
}
