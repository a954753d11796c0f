/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/launch.h"

#include "base/fd.h"
#include "base/pages.h"
#include "base/pin.h"
#include "isolation/init.h"
#include "isolation/kernel.h"
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* The others are made by init beside the root: namespaces.c. */
#define SANDBOX_NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID)

#define THREAD_STACK_BYTES 16384
#define INIT_STACK_BYTES (512 * 1024)

/* Which of the known switches forbids user namespaces here? */
int launch_explain(int code, struct appsilo_error *err)
{
	char value[16];

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

struct left_thread {
	void *pointer;
	sem_t told;
};

/* Ends at once and leaves behind what the C library keeps of a thread (errno, its place in the
 * list of threads), for init to use as its own. The library never learns of the end, so it
 * goes on taking its locks: two processes use this memory from now on. */
static void *leave_thread(void *data)
{
	struct left_thread *left = data;

	left->pointer = __builtin_thread_pointer();
	sem_post(&left->told);
	syscall(SYS_set_tid_address, NULL);
	syscall(SYS_exit, 0);
	return NULL;
}

static int make_thread(void **ret_pointer)
{
	static char stack[THREAD_STACK_BYTES] __attribute__((aligned(PAGES_BYTES)));
	static struct left_thread left;
	pthread_attr_t attr;
	pthread_t thread;
	int r = -pthread_attr_init(&attr);

	if (r == 0)
		r = -pthread_attr_setstack(&attr, stack, sizeof(stack));
	if (r == 0)
		r = sem_init(&left.told, 0, 0) < 0 ? -errno : 0;
	if (r == 0)
		r = -pthread_create(&thread, &attr, leave_thread, &left);
	if (r < 0)
		return r;
#ifdef __x86_64__ /* the handle is the thread pointer, in musl and glibc alike: no need to wait */
	*ret_pointer = (void *)(uintptr_t)thread;
#else
	while (sem_wait(&left.told) < 0)
		;
	*ret_pointer = left.pointer;
#endif
	return 0;
}

static int run_init(void *plan)
{
	init_run(plan);
	return 125;
}

/* Init shares our memory: neither of us pays for a copy of it, page by page. The app, which
 * is executed, does not; and from before that on nobody may look into this memory. Init
 * allocates nothing: killed at any moment, it must not leave a lock of the library held. */
static int clone_init(const struct plan *plan, int *ret_pidfd)
{
	static char stack[INIT_STACK_BYTES] __attribute__((aligned(PAGES_BYTES)));
	static struct plan own; /* descriptors are not shared: the launcher takes its copies from its plan */
	void *thread_pointer = NULL;
	int r = make_thread(&thread_pointer);

	if (r < 0)
		return r;
	own = *plan;
	own.launchers = plan;
	r = clone(run_init, stack + sizeof(stack),
		  SANDBOX_NAMESPACES | CLONE_VM | CLONE_SETTLS | CLONE_PIDFD | SIGCHLD, &own, ret_pidfd,
		  thread_pointer);
	return r < 0 ? -errno : r;
}

int launch_init(struct plan *plan, pid_t *ret_pid, int *ret_pidfd, struct appsilo_error *err)
{
	int pidfd = -EBADF;
	pid_t pid;
	int r;

	if (sched_getaffinity(0, sizeof(plan->processors), &plan->processors) < 0)
		return error_set(err, -errno, "run: processors");
	pid = clone_init(plan, &pidfd);
	if (pid < 0)
		return launch_explain(pid, err);
	if (plan->fuse_fd < 0) /* with a broker the others are busy */
		pin_elsewhere(pid, &plan->processors);
	/* By us, while the child is being scheduled. */
	r = init_write_id_maps(pid, plan->uid, plan->gid, !plan->change_ids);
	if (r == 0)
		r = fd_send(plan->parent_fd, "", 1, NULL, 0);
	if (r < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(pidfd);
		return error_set(err, r, "run: map uid %u into the sandbox", plan->uid);
	}
	*ret_pid = pid;
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
