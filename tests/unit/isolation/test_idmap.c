/* SPDX-License-Identifier: Apache-2.0 */
/* Root gives files away on kernels whose tmpfs maps no ids: those of a run's own memory, and nothing that these
 * point to or that lies on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "isolation/idmap.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECEIVER 1234

static char place[] = "/tmp/appsilo-unit-XXXXXX";

static const char *at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", place, name);
	return path;
}

static void make_folder(const char *name)
{
	assert_int_equal(mkdir(at(name), 0755), 0);
}

static void make_file(const char *name)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static uid_t owner(const char *name)
{
	struct stat st;

	assert_int_equal(lstat(at(name), &st), 0);
	assert_int_equal(st.st_uid, st.st_gid);
	return st.st_uid;
}

static int give(const char *name)
{
	int fd = open(at(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	r = idmap_give(fd, RECEIVER, RECEIVER);
	close(fd);
	return r;
}

/* Mounts of this process alone. */
static int set_up(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	return !mkdtemp(place) || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	(void)umount2(at("memory"), MNT_DETACH);
	unlink(at("outside"));
	rmdir(at("memory"));
	return rmdir(place);
}

static void only_what_is_its_own_is_given(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	make_file("outside");
	make_folder("memory");
	assert_int_equal(mount("memory", at("memory"), "tmpfs", 0, NULL), 0);
	make_folder("memory/folder");
	make_file("memory/folder/file");
	make_folder("memory/other");
	assert_int_equal(mount("other", at("memory/other"), "tmpfs", 0, NULL), 0);
	make_file("memory/other/file");
	assert_int_equal(symlink("../../outside", at("memory/folder/link")), 0);
	assert_int_equal(symlink("..", at("memory/folder/up")), 0);

	assert_int_equal(give("memory/folder"), 0);
	assert_int_equal(owner("memory"), 0);
	assert_int_equal(give("memory"), 0);
	assert_int_equal(owner("memory"), RECEIVER);
	assert_int_equal(owner("memory/folder/file"), RECEIVER);
	assert_int_equal(owner("memory/folder/link"), RECEIVER);
	assert_int_equal(owner("outside"), 0);
	assert_int_equal(owner("memory/other"), 0);
	assert_int_equal(owner("memory/other/file"), 0);
}

static void another_file_system_is_refused(void **state)
{
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(idmap_give(fd, RECEIVER, RECEIVER), -EINVAL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_its_own_is_given),
		cmocka_unit_test(another_file_system_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
