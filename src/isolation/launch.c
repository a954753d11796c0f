/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/launch.h"

#include "base/fd.h"
#include "isolation/init.h"
#include "isolation/kernel.h"
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* The others are made by init beside the root: namespaces.c. */
#define SANDBOX_NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)

/* Which of the known switches forbids user namespaces here? */
int launch_explain(int code, struct appsilo_error *err)
{
	char value[16];

	if (code == -ENOSYS)
		return error_say(err, code,
				 "run: clone3 is not available here (old kernel, or a container's "
				 "seccomp profile hides it); run appsilo doctor");
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", value,
			 sizeof(value)) > 0 &&
	    value[0] == '1')
		return error_say(err, code,
				 "run: AppArmor restricts user namespaces; load the profile that "
				 "appsilo doctor names, or set "
				 "kernel.apparmor_restrict_unprivileged_userns=0");
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/unprivileged_userns_clone", value,
			 sizeof(value)) > 0 &&
	    value[0] == '0')
		return error_say(err, code,
				 "run: user namespaces are off; set "
				 "kernel.unprivileged_userns_clone=1");
	if (fd_read_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", value, sizeof(value)) > 0 &&
	    strcmp(value, "0\n") == 0)
		return error_say(err, code,
				 "run: user namespaces are off; set user.max_user_namespaces");
	return error_set(err, code,
			 "run: cannot make the sandbox's namespaces; run appsilo doctor");
}

int launch_init(struct plan *plan, pid_t *ret_pid, int *ret_pidfd, struct appsilo_error *err)
{
	int pidfd = -EBADF;
	struct k_clone_args args = {.flags = SANDBOX_NAMESPACES | CLONE_PIDFD,
				    .pidfd = (uint64_t)(uintptr_t)&pidfd,
				    .exit_signal = SIGCHLD};
	long pid = syscall(K_CLONE3, &args, sizeof(args));
	int r;

	if (pid == 0)
		init_run(plan);
	if (pid < 0)
		return launch_explain(-errno, err);
	/* By us, while the child is being scheduled. */
	r = init_write_id_maps((pid_t)pid, plan->uid, plan->gid, !plan->change_ids);
	if (r == 0)
		r = fd_send(plan->parent_fd, "", 1, NULL, 0);
	if (r < 0) {
		kill((pid_t)pid, SIGKILL);
		waitpid((pid_t)pid, NULL, 0);
		close(pidfd);
		return error_set(err, r, "run: map uid %u into the sandbox", plan->uid);
	}
	*ret_pid = (pid_t)pid;
	*ret_pidfd = pidfd;
	return 0;
}

int launch_enter_outer(uid_t uid, gid_t gid, struct appsilo_error *err)
{
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return launch_explain(-errno, err);
	r = init_write_id_maps(0, uid, gid, true);
	return r < 0 ? error_set(err, r, "run: map ids of the broker's user namespace") : 0;
}
