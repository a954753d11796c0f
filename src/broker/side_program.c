/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/side_program.h"

#include "isolation/confine.h"
#include "isolation/kernel.h"
#include <signal.h>
#include <sys/prctl.h>

/* Returns where the program itself is then. */
static int move_fds(const struct side_program *p)
{
	const int program_at = SIDE_PROGRAM_FIRST_FD + (int)p->n_fds, free_fd = program_at + 1;
	int fds[SIDE_PROGRAM_FDS_MAX], program_fd, null_fd;

	/* All out of the way first: one may be where another is to be. */
	for (size_t i = 0; i < p->n_fds; i++)
		if ((fds[i] = fcntl(p->fds[i], F_DUPFD_CLOEXEC, free_fd)) < 0)
			return -errno;
	program_fd = fcntl(p->program_fd, F_DUPFD_CLOEXEC, free_fd);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (program_fd < 0 || null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0)
		return -errno;
	for (size_t i = 0; i < p->n_fds; i++)
		if (dup2(fds[i], SIDE_PROGRAM_FIRST_FD + (int)i) < 0)
			return -errno;
	return dup3(program_fd, program_at, O_CLOEXEC) < 0 || k_close_range((unsigned int)free_fd, ~0U, 0) < 0
		       ? -errno
		       : program_at;
}

/* Between vfork and exec: system calls only. Its environment is empty: it needs none, and
 * what loads its libraries must not heed one (CVE-2021-21261). */
static void run_child(const struct side_program *p, pid_t parent)
{
	static const char *const envp[] = {"LC_ALL=C", NULL};
	int program_fd;
	sigset_t none;

	sigemptyset(&none);
	/* Keys of the terminal are not meant for it. */
	if (setsid() < 0 || signal(SIGCHLD, SIG_DFL) == SIG_ERR || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		_exit(125);
	program_fd = move_fds(p);
	if (program_fd < 0 || (p->change_ids && confine_become(p->uid, p->gid) < 0))
		_exit(125);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(125);
	syscall(SYS_execveat, program_fd, "", p->argv, envp, K_AT_EMPTY_PATH);
	_exit(125);
}

int side_program_start(const struct side_program *p)
{
	pid_t parent = getpid(), pid = vfork();

	if (pid == 0)
		run_child(p, parent);
	return pid < 0 ? -errno : 0;
}
