/* SPDX-License-Identifier: Apache-2.0 */
/* What the prompt window cannot do once its fences are up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "isolation/landlock.h"
#include "ui/prompt_guard.h"
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char home[] = "/tmp/appsilo-guard-XXXXXX";

static bool refused(const char *path, int flags)
{
	char whole[256];
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", *path == '/' && flags == O_RDONLY ? "" : home, path);
	fd = open(whole, flags | O_CLOEXEC, 0600);
	close_keep_errno(fd);
	return fd < 0 && errno == EACCES;
}

/* A number says which line failed. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			_exit(__LINE__ % 200 + 1);                                                 \
	} while (0)

static void files(void)
{
	char key[256];

	snprintf(key, sizeof(key), "%s/.ssh/key", home);
	MUST(open(key, O_RDONLY | O_CLOEXEC) >= 0);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prompt_guard_files() == 0);
	MUST(open(key, O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	MUST(refused("/new", O_WRONLY | O_CREAT) && refused("/.ssh/key", O_RDWR));
	MUST(!refused("/usr/bin/env", O_RDONLY) && !refused("/etc/passwd", O_RDONLY) && !refused("/dev/null", O_RDONLY));
	_exit(0);
}

static void calls(void)
{
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prompt_guard_calls() == 0);
	MUST(execl("/bin/true", "true", (char *)NULL) < 0 && errno == EPERM);
	MUST(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	MUST(socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EPERM);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	_exit(0);
}

static void in_child(void (*look)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		look();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void files_of_the_user_are_neither_seen_nor_changed(void **state)
{
	(void)state;
	if (landlock_abi() < 0)
		skip();
	in_child(files);
}

static void no_program_and_no_socket_but_unix_ones(void **state)
{
	(void)state;
	in_child(calls);
}

static int make_home(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(home))
		return -1;
	setenv("HOME", home, 1);
	setenv("XDG_RUNTIME_DIR", home, 1);
	snprintf(path, sizeof(path), "%s/.ssh", home);
	if (mkdir(path, 0700) < 0)
		return -1;
	strcat(path, "/key");
	close_keep_errno(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	return 0;
}

static int remove_home(void **state)
{
	static const char *const names[] = {"/.ssh/key", "/.ssh", "/dconf", ""};
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s%s", home, names[i]);
		(void)remove(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_the_user_are_neither_seen_nor_changed),
		cmocka_unit_test(no_program_and_no_socket_but_unix_ones),
	};

	return cmocka_run_group_tests(tests, make_home, remove_home);
}
