/* SPDX-License-Identifier: Apache-2.0 */
/* The fences of appsilo-net: each case tries, in a child, what a taken-over one would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/seal.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Run @attempt behind the fences. Returns its exit code, or 128 + signal. */
static int behind(int (*attempt)(void))
{
	pid_t pid = fork();
	int status;

	/* Not _exit(): a sanitizer makes calls of its own before it, which the filter refuses. */
	if (pid == 0)
		syscall(SYS_exit_group, net_seal(NULL) < 0 ? 99 : attempt());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int try_open(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

static int try_make(void)
{
	return syscall(SYS_mkdirat, AT_FDCWD, "/tmp/appsilo-test-seal", 0700) < 0 ? errno : 0;
}

static int try_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno;
}

static int try_process(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int try_read_memory(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0) < 0 ? errno : 0;
}

static int try_kill(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int try_raw(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_TCP) < 0 ? errno : 0;
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

/* Of root too: its port needs a capability. */
static int try_low_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
}

static int try_sockets(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 || socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) < 0
		       ? errno
		       : 0;
}

static void files_and_processes_are_out_of_reach(void **state)
{
	assert_int_equal(behind(try_open), EPERM);
	assert_int_equal(behind(try_make), EPERM);
	assert_int_equal(behind(try_exec), 128 + SIGSYS);
	assert_int_equal(behind(try_process), EPERM);
	assert_int_equal(behind(try_read_memory), EPERM);
	assert_int_equal(behind(try_kill), EPERM);
	assert_int_equal(behind(try_code), EPERM);
}

static void only_sockets_of_the_internet_are_made(void **state)
{
	assert_int_equal(behind(try_unix), EPERM);
	assert_int_equal(behind(try_raw), EPERM);
	assert_int_equal(behind(try_sockets), 0);
	assert_int_equal(behind(try_low_port), EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_and_processes_are_out_of_reach),
		cmocka_unit_test(only_sockets_of_the_internet_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
