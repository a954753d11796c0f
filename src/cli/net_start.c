/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/net_start.h"

#include "base/fd.h"
#include "cli/programs.h"
#include "isolation/kernel.h"
#include "isolation/net_wire.h"
#include "network/options.h"
#include "network/policy.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* Its descriptors in the new program. */
enum { INIT_FD = 3, JUDGE_FD = 4, PROGRAM_FD = 5, FREE_FD = 6 };

struct start {
	const struct plan *plan;
	int init_fd, judge_fd, program_fd;
};

static int move_fds(const struct start *s)
{
	/* All out of the way first: one may be where another is to be. */
	int init_fd = fcntl(s->init_fd, F_DUPFD_CLOEXEC, FREE_FD);
	int judge_fd = fcntl(s->judge_fd, F_DUPFD_CLOEXEC, FREE_FD);
	int program_fd = fcntl(s->program_fd, F_DUPFD_CLOEXEC, FREE_FD);
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
static void start_child(const struct start *s, pid_t parent)
{
	static const char *const envp[] = {"LC_ALL=C", NULL};
	const char *const argv[] = {"appsilo-net", "3", "4", NULL};
	uid_t uid = s->plan->uid;
	gid_t gid = s->plan->gid;
	sigset_t none;

	sigemptyset(&none);
	/* Keys of the terminal are not meant for it. */
	if (setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 || move_fds(s) < 0)
		_exit(125);
	if (s->plan->change_ids &&
	    (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
	     syscall(SYS_setresuid, uid, uid, uid) < 0))
		_exit(125);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(125);
	/* By descriptor: the app's uid of a root run may not reach the folder. */
	syscall(SYS_execveat, PROGRAM_FD, "", argv, envp, K_AT_EMPTY_PATH);
	_exit(125);
}

/* What it is told first. */
static int fill_setup(const struct run_options *o, struct net_setup *ret, struct appsilo_error *err)
{
	*ret = (struct net_setup){.private_names = (o->net_capabilities & NET_CAP_PRIVATE) != 0};
	for (size_t i = 0; i < o->n_publish; i++) {
		struct net_listen *listen = &ret->listen[ret->n_listen++];
		struct net_publish publish;
		int r = net_parse_publish(o->publish[i], &publish, err);

		if (r < 0)
			return r;
		listen->family = (uint16_t)publish.address.family;
		listen->port = publish.host_port;
		listen->inner_port = publish.app_port;
		memcpy(listen->address, &publish.address.v6, sizeof(listen->address));
	}
	return 0;
}

int net_start(const struct run_options *options, struct plan *plan, struct appsilo_error *err)
{
	static struct net_setup setup; /* large */
	char program[PATH_MAX];
	int init[2], judge[2];
	cleanup_close int program_fd = -EBADF;
	struct start start = {plan, -EBADF, -EBADF, -EBADF};
	pid_t parent = getpid(), pid;
	int r = programs_find("appsilo-net", program, err);

	if (r == 0)
		r = fill_setup(options, &setup, err);
	if (r < 0)
		return r;
	start.program_fd = program_fd = open(program, O_PATH | O_CLOEXEC);
	if (program_fd < 0)
		return error_set(err, -errno, "run: %s", program);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, init) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, judge) < 0)
		return error_set(err, -errno, "run: sockets to the network");
	start.init_fd = init[1];
	start.judge_fd = judge[1];
	pid = vfork();
	if (pid == 0)
		start_child(&start, parent);
	r = pid < 0 ? -errno : fd_send(judge[0], &setup, sizeof(setup), NULL, 0);
	close(init[1]);
	close(judge[1]);
	plan->net_fd = init[0];
	plan->net_judge_fd = judge[0];
	return r < 0 ? error_set(err, r, "run: start %s", program) : 0;
}
