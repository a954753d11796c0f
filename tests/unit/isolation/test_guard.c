/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's own fences: each case tries, in a child, what a taken-over broker would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "isolation/guard.h"
#include "isolation/kernel.h"
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char place[64];

/* Run @attempt behind the fences. Returns its exit code, or 128 + signal. */
static int behind(int (*attempt)(void), bool sockets)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct rlimit no_core = {0, 0};

		setrlimit(RLIMIT_CORE, &no_core);
		if (guard_seal(sockets, false, NULL) < 0)
			_exit(99);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int behind_fences(int (*attempt)(void))
{
	return behind(attempt, false);
}

static int try_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static int try_mount(void)
{
	return syscall(SYS_mount, "none", place, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int try_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}

static int try_namespace(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int try_io_uring(void)
{
	char params[120] = {0};

	return syscall(425, 1, params) < 0 ? errno : 0;
}

static int try_process(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int try_tcp(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int try_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0) < 0 ? errno : 0;
}

static int try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int try_typing(void)
{
	return ioctl(0, TIOCSTI, "x") < 0 ? errno : 0;
}

static int try_other_limits(void)
{
	struct rlimit limit = {1, 1};

	return prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL) < 0 ? errno : 0;
}

static void calls_no_broker_makes_end_it(void **state)
{
	(void)state;
	assert_int_equal(behind_fences(try_exec), 128 + SIGSYS);
	assert_int_equal(behind_fences(try_mount), 128 + SIGSYS);
	assert_int_equal(behind_fences(try_ptrace), 128 + SIGSYS);
	assert_int_equal(behind_fences(try_namespace), 128 + SIGSYS);
	assert_int_equal(behind_fences(try_io_uring), 128 + SIGSYS);
}

static void other_calls_are_refused(void **state)
{
	(void)state;
	assert_int_equal(behind_fences(try_process), EPERM);
	assert_int_equal(behind_fences(try_tcp), EPERM);
	assert_int_equal(behind_fences(try_netlink), EPERM);
	assert_int_equal(behind_fences(try_unix), EPERM);
	assert_int_equal(behind(try_unix, true), 0);
	assert_int_equal(behind(try_tcp, true), EPERM);
	assert_int_equal(behind_fences(try_code), EPERM);
	assert_int_equal(behind_fences(try_typing), EPERM);
	assert_int_equal(behind_fences(try_other_limits), EPERM);
}

static int try_device(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/device", place);
	return mknod(path, S_IFCHR | 0600, 0) < 0 ? errno : 0;
}

/* What it is there for goes on: files are read, changed and renamed. */
static int do_the_work(void)
{
	char from[128], to[128], folder[128];
	int fd;

	snprintf(from, sizeof(from), "%s/file", place);
	snprintf(folder, sizeof(folder), "%s/folder", place);
	snprintf(to, sizeof(to), "%s/folder/file", place);
	fd = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0 || close(fd) < 0)
		return errno;
	if (mkdir(folder, 0700) < 0 || rename(from, to) < 0 || truncate(to, 10) < 0 ||
	    unlink(to) < 0 || rmdir(folder) < 0)
		return errno;
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : 0;
}

static void *in_thread(void *data)
{
	*(int *)data = do_the_work();
	return NULL;
}

static int work_in_a_thread(void)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, in_thread, &r);

	if (r == 0)
		pthread_join(thread, NULL);
	return r;
}

static void the_work_goes_on(void **state)
{
	(void)state;
	assert_int_equal(behind_fences(do_the_work), 0);
	assert_int_equal(behind_fences(work_in_a_thread), 0);
	assert_int_equal(behind_fences(try_device), EPERM);
}

static void *wait_and_exec(void *data)
{
	char byte;

	if (read(*(int *)data, &byte, 1) == 1)
		execl("/bin/true", "true", (char *)NULL);
	return NULL;
}

/* Threads that ran before the filter came are under it too. */
static void filter_reaches_older_threads(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct rlimit no_core = {0, 0};
		pthread_t thread;
		int pipe_fds[2];

		setrlimit(RLIMIT_CORE, &no_core);
		if (pipe(pipe_fds) < 0 || pthread_create(&thread, NULL, wait_and_exec, &pipe_fds[0]) != 0 ||
		    guard_seal(false, false, NULL) < 0 || write(pipe_fds[1], "x", 1) != 1)
			_exit(99);
		pthread_join(thread, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int make_place(void **state)
{
	(void)state;
	strcpy(place, "/var/tmp/appsilo-unit-XXXXXX");
	return mkdtemp(place) ? 0 : -1;
}

static int remove_place(void **state)
{
	(void)state;
	return rmdir(place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_no_broker_makes_end_it),
		cmocka_unit_test(other_calls_are_refused),
		cmocka_unit_test_setup_teardown(the_work_goes_on, make_place, remove_place),
		cmocka_unit_test(filter_reaches_older_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
