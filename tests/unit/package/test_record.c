/* SPDX-License-Identifier: Apache-2.0 */
#include "package/record.h"

#include "package/stamps.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct folder {
	char path[64];
	int fd;
};

static int make_folder(void **state)
{
	static struct folder f;

	strcpy(f.path, "/tmp/appsilo-record-XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.fd = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &f;
	return mkdirat(f.fd, RECORD_DIR, 0755) | mkdirat(f.fd, "sub", 0755);
}

static int remove_folder(void **state)
{
	struct folder *f = *state;
	char command[128];

	close(f->fd);
	snprintf(command, sizeof(command), "rm -rf %s", f->path);
	return system(command);
}

static void put(const struct folder *f, const char *name, const char *text, mode_t mode)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int read_text(const struct folder *f, const char *text, struct record *ret)
{
	put(f, RECORD_FILE, text, 0644);
	return record_read(f->fd, f->path, ret, NULL);
}

static void what_was_written_is_read(void **state)
{
	struct record record = {0};
	char text[4096] = "";

	assert_int_equal(record_append(text, sizeof(text), "app", "Python", "VFS/usr/bin/python3"), 0);
	assert_int_equal(record_append(text, sizeof(text), "capability", "a", NULL), 0);
	assert_int_equal(record_append(text, sizeof(text), "capability", "b", NULL), 0);
	assert_int_equal(record_append(text, sizeof(text), "x", "a\nb", NULL), -EINVAL);
	assert_int_equal(record_append(text, sizeof(text), "x", "a", "\tb"), -EINVAL);
	assert_int_equal(record_append(text, strlen(text) + 4, "x", "long", NULL), -ENOBUFS);
	text[strlen(text) - 3] = '\0'; /* what the last one began */
	assert_int_equal(read_text(*state, text, &record), 0);
	assert_int_equal(record.n, 3);
	assert_string_equal(record_get(&record, "app"), "Python");
	assert_string_equal(record_find(&record, "app", "Python")->more, "VFS/usr/bin/python3");
	assert_non_null(record_find(&record, "capability", "b"));
	assert_null(record_find(&record, "capability", "c"));
	record_done(&record);
}

static void a_damaged_record_is_refused(void **state)
{
	static const char *const bad[] = {"", "\n", "appsilo package 2\na\tb\n", "appsilo package 1",
					  "appsilo package 1\nno value\n", "appsilo package 1\na\tb",
					  "appsilo package 1\n\tb\n"};
	struct record record = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(read_text(*state, bad[i], &record), -EBADMSG);
}

static void a_record_that_others_can_write_is_refused(void **state)
{
	const struct folder *f = *state;
	struct record record = {0};

	put(f, RECORD_FILE, "appsilo package 1\na\tb\n", 0666);
	assert_int_equal(record_read(f->fd, f->path, &record, NULL), -EPERM);
	assert_int_equal(unlinkat(f->fd, RECORD_FILE, 0), 0);
	assert_int_equal(symlinkat("../elsewhere", f->fd, RECORD_FILE), 0);
	assert_int_equal(record_read(f->fd, f->path, &record, NULL), -ELOOP);
	assert_int_equal(unlinkat(f->fd, RECORD_FILE, 0), 0);
	assert_int_equal(record_read(f->fd, f->path, &record, NULL), -ENOENT);
}

static void every_kind_of_change_is_seen(void **state)
{
	const struct folder *f = *state;
	static const char *const changes[] = {
		"printf x | dd of=sub/file bs=1 seek=2 conv=notrunc status=none", /* same size */
		"touch -d @0 sub/file",
		"chmod 755 sub/file",
		"rm sub/file",
		"touch sub/new",
		"touch new",
		"rm -r sub",
		"cp sub/file x && mv x sub/file",
		"ln -sf /etc/passwd sub/link",
	};
	char command[512];

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct appsilo_error err = {0};

		snprintf(command, sizeof(command),
			 "cd %s && rm -rf sub new x .appsilo/stamps && mkdir sub && echo abcdef > sub/file "
			 "&& ln -s file sub/link", f->path);
		assert_int_equal(system(command), 0);
		assert_int_equal(stamps_write(f->fd, f->path, &err), 0);
		assert_int_equal(stamps_check(f->fd, f->path, &err), 0);
		snprintf(command, sizeof(command), "cd %s && %s", f->path, changes[i]);
		assert_int_equal(system(command), 0);
		if (stamps_check(f->fd, f->path, &err) != -ESTALE)
			fail_msg("not seen: %s", changes[i]);
		assert_non_null(strstr(err.line, "was changed after"));
	}
}

static void moving_the_package_is_no_change(void **state)
{
	struct folder *f = *state;
	char moved[80], command[256];

	assert_int_equal(stamps_write(f->fd, f->path, NULL), 0);
	snprintf(moved, sizeof(moved), "%s-moved", f->path);
	snprintf(command, sizeof(command), "touch %s/.appsilo/done", f->path);
	assert_int_equal(rename(f->path, moved), 0);
	assert_int_equal(stamps_check(f->fd, moved, NULL), 0);
	assert_int_equal(rename(moved, f->path), 0);
	assert_int_equal(system(command), 0);
	assert_int_equal(stamps_check(f->fd, f->path, NULL), 0);
}

static void damaged_stamps_are_refused(void **state)
{
	const struct folder *f = *state;

	assert_int_equal(stamps_check(f->fd, f->path, NULL), -ENOENT);
	put(f, RECORD_DIR "/stamps", "short", 0644);
	assert_int_equal(stamps_check(f->fd, f->path, NULL), -EBADMSG);
	put(f, RECORD_DIR "/stamps", "APASTMP1 and what is not a stamp", 0644);
	assert_int_equal(stamps_check(f->fd, f->path, NULL), -EBADMSG);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_written_is_read),
		CASE(a_damaged_record_is_refused),
		CASE(a_record_that_others_can_write_is_refused),
		CASE(every_kind_of_change_is_seen),
		CASE(moving_the_package_is_no_change),
		CASE(damaged_stamps_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
