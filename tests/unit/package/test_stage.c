/* SPDX-License-Identifier: Apache-2.0 */
#include "package/pack_command.h"
#include "package/stage.h"
#include "package/wheel.h"

#include <fcntl.h>
#include <minizip/zip.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[64];
static struct stage stage;
static struct appsilo_error err;
static char warned[ERROR_LINE_MAX + 64];

static void warn(void *data, const char *line)
{
	(void)data;
	snprintf(warned, sizeof(warned), "%s", line);
}

static void shell(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static int open_stage(void **state)
{
	char path[128];

	(void)state;
	strcpy(folder, "/tmp/appsilo-stage-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/out", folder);
	warned[0] = '\0';
	err = (struct appsilo_error){0};
	if (stage_open(path, &stage, &err) < 0)
		return -1;
	stage.warn = warn;
	return 0;
}

static int close_stage(void **state)
{
	char command[128];

	(void)state;
	stage_done(&stage);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void a_tree_is_copied_with_what_it_links_to(void **state)
{
	char source[128];
	struct stat st;

	(void)state;
	shell("mkdir -p %s/in/sub && cd %s/in && echo a >a && ln -s a link && ln -s /nowhere gone && "
	      "ln -s . loop && ln -s sub again && mkfifo pipe && echo '#!/bin/sh' >sub/run && "
	      "chmod 700 sub/run && chmod 600 a", folder, folder);
	snprintf(source, sizeof(source), "%s/in", folder);
	umask(077);
	assert_int_equal(stage_add_tree(&stage, source, "/usr/x", STAGE_NEEDED, NULL, NULL, &err), 0);
	umask(022);
	assert_true(stage_has(&stage, "/usr/x/a"));
	assert_int_equal(fstatat(stage.fd, "VFS/usr/x/link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(fstatat(stage.fd, "VFS/usr/x/sub/run", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_false(stage_has(&stage, "/usr/x/gone"));
	assert_false(stage_has(&stage, "/usr/x/loop"));
	assert_false(stage_has(&stage, "/usr/x/again"));
	assert_false(stage_has(&stage, "/usr/x/pipe"));
	assert_int_equal(stage.files, 3);
}

static void nothing_is_staged_twice_or_outside(void **state)
{
	(void)state;
	assert_int_equal(stage_add_text(&stage, "/usr/a", "x", 1, false, &err), 0);
	assert_int_equal(stage_add_text(&stage, "/usr/a", "y", 1, false, &err), -EEXIST);
	assert_int_equal(stage_add_text(&stage, "/usr/../../a", "y", 1, false, &err), -EINVAL);
	assert_int_equal(stage_add_text(&stage, "a", "y", 1, false, &err), -EINVAL);
	assert_int_equal(stage_add_text(&stage, "/usr//a", "y", 1, false, &err), -EINVAL);
	/* A staged link is not followed. */
	assert_int_equal(stage_add_link(&stage, "/usr/link", "/tmp", &err), 0);
	assert_true(stage_add_text(&stage, "/usr/link/a", "y", 1, false, &err) < 0);
}

static void a_folder_with_something_in_it_is_no_stage(void **state)
{
	struct stage other;
	char path[128];

	(void)state;
	shell("mkdir %s/full && touch %s/full/x", folder, folder);
	snprintf(path, sizeof(path), "%s/full", folder);
	assert_int_equal(stage_open(path, &other, &err), -ENOTEMPTY);
	stage_done(&other);
}

static void a_module_without_its_library_is_left_out(void **state)
{
	char program[128], module[128];

	(void)state;
	snprintf(program, sizeof(program), "/proc/%d/exe", (int)getpid());
	snprintf(module, sizeof(module), "%s/module.so", folder);
	shell("sed 's/libcmocka.so.0/libnowher.so.0/g' %s >%s", program, module);
	assert_int_equal(stage_add_file(&stage, "/bin/sh", "/usr/bin/sh", STAGE_NEEDED, &err), 0);
	assert_int_equal(stage_add_file(&stage, module, "/usr/lib/drop.so", STAGE_OR_DROP, &err), 0);
	assert_int_equal(stage_add_libraries(&stage, (const char *const[]){NULL}, &err), 0);
	assert_false(stage_has(&stage, "/usr/lib/drop.so"));
	assert_non_null(strstr(warned, "libnowher.so.0"));
	assert_non_null(strstr(warned, module));
	assert_true(stage_has(&stage, STAGE_LIBRARIES "/libc.so.6"));
	assert_false(stage_has(&stage, STAGE_LIBRARIES "/libcmocka.so.0"));
}

static void a_program_without_its_library_is_not_packed(void **state)
{
	char module[128];

	(void)state;
	snprintf(module, sizeof(module), "%s/program", folder);
	shell("sed 's/libcmocka.so.0/libnowher.so.0/g' /proc/%d/exe >%s", (int)getpid(), module);
	assert_int_equal(stage_add_file(&stage, module, "/usr/bin/p", STAGE_NEEDED, &err), 0);
	assert_int_equal(stage_add_libraries(&stage, (const char *const[]){NULL}, &err), -ENOENT);
	assert_non_null(strstr(err.line, "libnowher.so.0"));
}

static void wheels_of_other_pythons_are_refused(void **state)
{
	static const struct python_facts facts = {.major = 3, .minor = 11};
	static const char *const good[] = {
		"six-1.16.0-py2.py3-none-any.whl", "a-1-py3-none-any.whl", "a-1-1-py311-none-any.whl",
		"a-1-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
		"a-1-cp311-cp311-linux_x86_64.whl"};
	static const char *const bad[] = {
		"a-1-cp310-cp310-linux_x86_64.whl", "a-1-cp312-abi3-linux_x86_64.whl", "a.zip",
		"a-1-cp311-cp311-win_amd64.whl", "a-1-cp311-cp311-manylinux2014_aarch64.whl",
		"a-1-py2-none-any.whl", "py3-none-any.whl", ".whl", "a-1-cp311-cp311d-linux_x86_64.whl"};

	(void)state;
#if defined(__x86_64__)
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (wheel_problem(good[i], &facts))
			fail_msg("%s: %s", good[i], wheel_problem(good[i], &facts));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (!wheel_problem(bad[i], &facts))
			fail_msg("%s was taken", bad[i]);
#endif
}

static void add_entry(zipFile zip, const char *name, mode_t mode, const char *text)
{
	zip_fileinfo info = {.external_fa = (uLong)mode << 16};

	assert_int_equal(zipOpenNewFileInZip(zip, name, &info, NULL, 0, NULL, 0, NULL, Z_DEFLATED, 6),
			 ZIP_OK);
	assert_int_equal(zipWriteInFileInZip(zip, text, (unsigned int)strlen(text)), ZIP_OK);
	assert_int_equal(zipCloseFileInZip(zip), ZIP_OK);
}

static int add_wheel(const char *name, mode_t mode)
{
	static const struct python_facts facts = {.major = 3, .minor = 11};
	char path[128];
	zipFile zip;

	snprintf(path, sizeof(path), "%s/a-1-py3-none-any.whl", folder);
	zip = zipOpen(path, APPEND_STATUS_CREATE);
	assert_non_null(zip);
	add_entry(zip, "a/__init__.py", S_IFREG | 0644, "x = 1\n");
	add_entry(zip, "a-1.data/purelib/b.py", S_IFREG | 0644, "y = 1\n");
	add_entry(zip, "a-1.data/scripts/run", S_IFREG | 0755, "#!python\n");
	if (name)
		add_entry(zip, name, mode, "/etc/passwd");
	assert_int_equal(zipClose(zip, NULL), ZIP_OK);
	return wheel_add(&stage, path, &facts, "/usr/lib/python3.11/site-packages", &err);
}

static void modules_of_a_wheel_are_unpacked(void **state)
{
	(void)state;
	assert_int_equal(add_wheel(NULL, 0), 0);
	assert_true(stage_has(&stage, "/usr/lib/python3.11/site-packages/a/__init__.py"));
	assert_true(stage_has(&stage, "/usr/lib/python3.11/site-packages/b.py"));
	assert_int_equal(stage.files, 2);
}

static void hostile_wheels_are_refused(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} bad[] = {
		{"../../../../../../../../tmp/appsilo-out", 0}, {"/tmp/appsilo-out", 0},
		{"a/../../x", 0}, {"a//b", 0}, {"a/./b", 0}, {"a\\..\\b", 0}, {"C:b", 0},
		{"a/link", S_IFLNK | 0777},
		{"a-1.data/purelib/../../../../x", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(close_stage(state), 0);
		assert_int_equal(open_stage(state), 0);
		if (add_wheel(bad[i].name, bad[i].mode ? bad[i].mode : S_IFREG | 0644) != -EBADMSG)
			fail_msg("%s was taken", bad[i].name);
		assert_non_null(strstr(err.line, "a-1-py3-none-any.whl"));
		assert_int_equal(access("/tmp/appsilo-out", F_OK), -1);
	}
	/* Twice the same name: which one counts would be a guess. */
	assert_int_equal(close_stage(state), 0);
	assert_int_equal(open_stage(state), 0);
	assert_int_equal(add_wheel("a/__init__.py", S_IFREG | 0644), -EEXIST);
}

static void a_damaged_wheel_is_refused(void **state)
{
	static const struct python_facts facts = {.major = 3, .minor = 11};
	char path[128];

	(void)state;
	assert_int_equal(add_wheel(NULL, 0), 0);
	assert_int_equal(close_stage(state) | open_stage(state), 0);
	assert_int_equal(add_wheel(NULL, 0), 0);
	snprintf(path, sizeof(path), "%s/a-1-py3-none-any.whl", folder);
	/* One byte of the first entry's data, behind its header and name. */
	shell("printf '\\377' | dd of=%s bs=1 seek=45 conv=notrunc status=none", path);
	shell("rm -rf %s/out/VFS", folder);
	assert_int_equal(wheel_add(&stage, path, &facts, "/usr/lib/s", &err), -EBADMSG);
	shell("echo nothing >%s", path);
	assert_int_equal(wheel_add(&stage, path, &facts, "/usr/lib/s", &err), -EBADMSG);
}

static void interpreters_of_scripts(void **state)
{
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(pack_interpreter("#!/bin/sh -e\n", "/x", path), 0);
	assert_string_equal(path, "/bin/sh");
	assert_int_equal(pack_interpreter("#! /usr/bin/env sh\nx", "/nowhere:/usr/bin", path), 0);
	assert_string_equal(path, "/usr/bin/sh");
	assert_int_equal(pack_interpreter("#!/usr/bin/env -S sh -e\n", "/usr/bin", path), 0);
	assert_int_equal(pack_interpreter("\x7f" "ELF", "/usr/bin", path), 1);
	assert_int_equal(pack_interpreter("#!sh\n", "/usr/bin", path), -ENOENT);
	assert_int_equal(pack_interpreter("#!\n", "/usr/bin", path), -ENOENT);
	assert_int_equal(pack_interpreter("#!/usr/bin/env no-such-program\n", "/usr/bin", path),
			 -ENOENT);
	assert_int_equal(pack_interpreter("#!/usr/bin/env ../sh\n", "/usr/bin", path), -ENOENT);
}

static void relative_links(void **state)
{
	char text[PATH_MAX];

	(void)state;
	assert_int_equal(pack_relative("/usr/bin/npm", "/usr/lib/node/npm.js", text), 0);
	assert_string_equal(text, "../lib/node/npm.js");
	assert_int_equal(pack_relative("/usr/bin/a", "/usr/bin/b", text), 0);
	assert_string_equal(text, "b");
	assert_int_equal(pack_relative("/usr/lib/a/b/c", "/usr/lib/ab", text), 0);
	assert_string_equal(text, "../../ab");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_tree_is_copied_with_what_it_links_to),
		CASE(nothing_is_staged_twice_or_outside),
		CASE(a_folder_with_something_in_it_is_no_stage),
		CASE(a_module_without_its_library_is_left_out),
		CASE(a_program_without_its_library_is_not_packed),
		CASE(wheels_of_other_pythons_are_refused),
		CASE(modules_of_a_wheel_are_unpacked),
		CASE(hostile_wheels_are_refused),
		CASE(a_damaged_wheel_is_refused),
		cmocka_unit_test(interpreters_of_scripts),
		cmocka_unit_test(relative_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
