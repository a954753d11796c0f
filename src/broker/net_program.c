/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net_program.h"

#include "isolation/confine.h"
#include "isolation/kernel.h"
#include <signal.h>
#include <sys/prctl.h>

/* Its descriptors in the new program. */
enum { INIT_FD = 3, JUDGE_FD = 4, PROGRAM_FD = 5, FREE_FD = 6 };

static int move_fds(const struct net_program *p)
{
	/* All out of the way first: one may be where another is to be. */
	int init_fd = fcntl(p->init_fd, F_DUPFD_CLOEXEC, FREE_FD);
	int judge_fd = fcntl(p->judge_fd, F_DUPFD_CLOEXEC, FREE_FD);
	int program_fd = fcntl(p->program_fd, F_DUPFD_CLOEXEC, FREE_FD);
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	return init_fd < 0 || judge_fd < 0 || program_fd < 0 || null_fd < 0 ||
			       dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 ||
			       dup2(init_fd, INIT_FD) < 0 || dup2(judge_fd, JUDGE_FD) < 0 ||
			       dup3(program_fd, PROGRAM_FD, O_CLOEXEC) < 0 ||
			       k_close_range(FREE_FD, ~0U, 0) < 0
		       ? -errno
		       : 0;
}

/* Between vfork and exec: system calls only. Its environment is empty: it needs none, and
 * what loads its libraries must not heed one (CVE-2021-21261). */
static void run_child(const struct net_program *p, pid_t parent)
{
	static const char *const envp[] = {"LC_ALL=C", NULL};
	const char *const argv[] = {"appsilo-net", "3", "4", NULL};
	sigset_t none;

	sigemptyset(&none);
	/* Keys of the terminal are not meant for it. */
	if (setsid() < 0 || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
	    sigprocmask(SIG_SETMASK, &none, NULL) < 0 || move_fds(p) < 0)
		_exit(125);
	if (p->change_ids && confine_become(p->uid, p->gid) < 0)
		_exit(125);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(125);
	/* By descriptor: the app's uid of a root run may not reach the folder. */
	syscall(SYS_execveat, PROGRAM_FD, "", argv, envp, K_AT_EMPTY_PATH);
	_exit(125);
}

void net_program_close(struct net_program *p)
{
	close_keep_errno(TAKE_FD(p->program_fd));
	close_keep_errno(TAKE_FD(p->init_fd));
	close_keep_errno(TAKE_FD(p->judge_fd));
}

int net_program_start(struct net_program *p)
{
	pid_t parent = getpid(), pid = vfork();
	int r;

	if (pid == 0)
		run_child(p, parent);
	r = pid < 0 ? -errno : 0;
	net_program_close(p);
	return r;
}
