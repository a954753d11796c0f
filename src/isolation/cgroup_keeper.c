/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/cgroup.h"

#include "isolation/close_others.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PATIENCE_MS 10000

static void keep(const struct cgroup *cg, int pipe_fd) __attribute__((noreturn));

static void keep(const struct cgroup *cg, int pipe_fd)
{
	int kept[1 + 2 * CGROUP_PARTS_MAX] = {pipe_fd};
	struct pollfd hang_up = {.fd = pipe_fd};
	size_t n = 1;
	sigset_t all;

	for (size_t i = 0; i < cg->n; i++) {
		kept[n++] = cg->parts[i].parent_fd;
		kept[n++] = cg->parts[i].dir_fd;
	}
	/* The caller waits for the end of what it reads from its job: not for us. */
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	close_others(kept, n);
	prctl(PR_SET_NAME, "appsilo-cgroup", 0, 0, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid(); /* who kills the job leaves us */
	while (poll(&hang_up, 1, -1) < 0)
		;
	/* The kernel ends a sandbox with its launcher; this is for what it has not ended yet. */
	if (cgroup_remove(cg, 0) < 0) {
		(void)!cgroup_kill(cg);
		(void)!cgroup_remove(cg, PATIENCE_MS); /* what stays is swept by the next run */
	}
	_exit(0);
}

int cgroup_keeper_start(const struct cgroup *cg, struct cgroup_keeper *ret)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		keep(cg, ends[0]);
	}
	close_keep_errno(ends[0]);
	if (pid < 0) {
		close_keep_errno(ends[1]);
		return -errno;
	}
	*ret = (struct cgroup_keeper){ends[1], pid};
	return 0;
}

void cgroup_keeper_end(struct cgroup_keeper *keeper)
{
	if (keeper->fd < 0)
		return;
	close_keep_errno(TAKE_FD(keeper->fd));
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
