/* SPDX-License-Identifier: Apache-2.0 */
/* The test's own program is the sample; it is linked with a RUNPATH (tests/unit/meson.build). */
#include "package/elf_file.h"
#include "package/needs.h"

#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#define RUNPATH "$ORIGIN/beside:/no/such/folder"

static char folder[64], copy_path[128];

/* A fresh copy of this program, open for writing. */
static int copy_self(void)
{
	char command[512];
	int fd;

	snprintf(command, sizeof(command), "cp /proc/%d/exe %s && chmod u+w %s", (int)getpid(),
		 copy_path, copy_path);
	assert_int_equal(system(command), 0);
	fd = open(copy_path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/appsilo-elf-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(copy_path, sizeof(copy_path), "%s/program", folder);
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static bool needs_named(const struct elf_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n_needed; i++)
		if (strcmp(facts->needed[i], name) == 0)
			return true;
	return false;
}

static void facts_of_a_program(void **state)
{
	struct elf_facts facts;
	int fd = copy_self();

	(void)state;
	assert_int_equal(elf_read(fd, &facts), 0);
	assert_non_null(strstr(facts.interpreter, "/ld-linux"));
	assert_string_equal(facts.runpath, RUNPATH);
	assert_null(facts.rpath);
	assert_true(needs_named(&facts, "libcmocka.so.0"));
	assert_true(needs_named(&facts, "libc.so.6"));
	elf_facts_done(&facts);
	close(fd);
}

static void what_is_no_program_is_told_apart(void **state)
{
	static const struct {
		size_t at;
		unsigned char byte;
		int code;
	} changes[] = {
		{0, 'x', -ENOEXEC},
		{EI_CLASS, ELFCLASS32, -ENOTSUP},
		{EI_DATA, ELFDATA2MSB, -ENOTSUP},
		{offsetof(Elf64_Ehdr, e_type), ET_REL, -ENOEXEC},
		{offsetof(Elf64_Ehdr, e_phnum) + 1, 0xff, -EBADMSG},
		{offsetof(Elf64_Ehdr, e_phentsize), 1, -EBADMSG},
		{offsetof(Elf64_Ehdr, e_phoff) + 7, 0x7f, -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct elf_facts facts;
		int fd = copy_self();

		assert_int_equal(pwrite(fd, &changes[i].byte, 1, (off_t)changes[i].at), 1);
		assert_int_equal(elf_read(fd, &facts), changes[i].code);
		assert_null(facts.needed);
		close(fd);
	}
}

static void a_cut_off_file_is_refused(void **state)
{
	static const off_t sizes[] = {0, 3, 63, 64, 200, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct elf_facts facts;
		int fd = copy_self();

		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		assert_int_equal(elf_read(fd, &facts), sizes[i] < 64 ? -ENOEXEC : -EBADMSG);
		assert_true(elf_set_loader(fd, "/x", "/y") < 0);
		close(fd);
	}
}

/* Whatever the headers and the dynamic table say: an answer, no read outside the file's own
 * tables (the sanitizers watch). */
static void damaged_headers_do_no_harm(void **state)
{
	struct elf_facts facts;
	int fd = copy_self();
	unsigned int seed = 1;
	Elf64_Ehdr header;
	Elf64_Phdr p;
	off_t dynamic = 0;

	(void)state;
	assert_int_equal(pread(fd, &header, sizeof(header), 0), sizeof(header));
	for (int i = 0; i < header.e_phnum; i++) {
		off_t at = (off_t)header.e_phoff + i * (off_t)sizeof(p);

		assert_int_equal(pread(fd, &p, sizeof(p), at), sizeof(p));
		if (p.p_type == PT_DYNAMIC)
			dynamic = (off_t)p.p_offset;
	}
	assert_true(dynamic > 0);
	for (int i = 0; i < 3000; i++) {
		off_t at = i % 3 ? 40 + rand_r(&seed) % 760 : dynamic + rand_r(&seed) % 480;
		unsigned char old, new = (unsigned char)rand_r(&seed);
		int r;

		assert_int_equal(pread(fd, &old, 1, at), 1);
		assert_int_equal(pwrite(fd, &new, 1, at), 1);
		r = elf_read(fd, &facts);
		assert_true(r == 0 || r == -EBADMSG || r == -ENOEXEC || r == -ENOTSUP);
		if (r == 0)
			elf_facts_done(&facts);
		assert_int_equal(pwrite(fd, &old, 1, at), 1);
	}
	close(fd);
}

static void a_damaged_program_is_changed_or_refused(void **state)
{
	unsigned int seed = 2;

	(void)state;
	for (int i = 0; i < 150; i++) {
		unsigned char byte = (unsigned char)rand_r(&seed);
		int fd = copy_self(), r;

		assert_int_equal(pwrite(fd, &byte, 1, 16 + rand_r(&seed) % 800), 1);
		r = elf_set_loader(fd, "/loader", "/folder");
		assert_true(r == 0 || r == -EBADMSG || r == -ENOEXEC || r == -ENOTSUP ||
			    r == -EINVAL || r == -ENOSPC);
		close(fd);
	}
}

static int run_copy(void)
{
	char command[256];
	int status;

	snprintf(command, sizeof(command), "%s --ok", copy_path);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_program_with_another_loader_runs(void **state)
{
	char loader[128], command[512];
	struct elf_facts facts, before;
	int fd = copy_self();

	(void)state;
	snprintf(loader, sizeof(loader), "%s/loader", folder);
	assert_int_equal(elf_read(fd, &before), 0);
	snprintf(command, sizeof(command), "cp %s %s", before.interpreter, loader);
	assert_int_equal(system(command), 0);
	assert_int_equal(elf_set_loader(fd, loader, folder), 0);
	assert_int_equal(elf_read(fd, &facts), 0);
	assert_string_equal(facts.interpreter, loader);
	/* What it said relative to itself stays; an absolute folder goes. */
	snprintf(command, sizeof(command), "%s:$ORIGIN/beside", folder);
	assert_string_equal(facts.rpath, command);
	assert_null(facts.runpath);
	assert_int_equal(facts.n_needed, before.n_needed);
	for (size_t i = 0; i < facts.n_needed; i++)
		assert_string_equal(facts.needed[i], before.needed[i]);
	elf_facts_done(&facts);
	elf_facts_done(&before);
	close(fd);
	assert_int_equal(run_copy(), 42);
	/* It is this loader that runs it, and this folder where libraries are looked for. */
	assert_int_equal(unlink(loader), 0);
	assert_int_not_equal(run_copy(), 42);
}

static void a_library_follows_its_program(void **state)
{
	struct elf_facts facts;
	int fd = copy_self();

	(void)state;
	assert_int_equal(elf_follow_program(fd), 0);
	assert_int_equal(elf_read(fd, &facts), 0);
	assert_null(facts.runpath);
	assert_string_equal(facts.rpath, RUNPATH);
	elf_facts_done(&facts);
	assert_int_equal(elf_follow_program(fd), 0);
	close(fd);
}

static void needs_of_a_program(void **state)
{
	struct appsilo_error err = {0};
	struct needs needs;

	(void)state;
	close(copy_self());
	assert_int_equal(needs_init(&needs, &err), 0);
	assert_int_equal(needs_follow(&needs, copy_path, NULL, &err), 0);
	assert_true(needs_has(&needs, "libcmocka.so."));
	assert_true(needs_has(&needs, "libc.so.6"));
	assert_non_null(needs.interpreter);
	for (size_t i = 0; i < needs.n_libraries; i++) {
		assert_int_equal(access(needs.libraries[i].path, R_OK), 0);
		assert_true(needs.libraries[i].path[0] == '/');
	}
	assert_int_equal(needs_follow(&needs, "/etc/passwd", NULL, &err), 1);
	needs_done(&needs);
}

static void a_library_beside_its_program_is_found_first(void **state)
{
	struct appsilo_error err = {0};
	char command[512], beside[128];
	struct needs needs;
	bool seen = false;

	(void)state;
	close(copy_self());
	assert_int_equal(needs_init(&needs, &err), 0);
	assert_int_equal(needs_follow(&needs, copy_path, NULL, &err), 0);
	snprintf(beside, sizeof(beside), "%s/beside/libcmocka.so.0", folder);
	for (size_t i = 0; i < needs.n_libraries; i++)
		if (strcmp(needs.libraries[i].name, "libcmocka.so.0") == 0)
			snprintf(command, sizeof(command), "mkdir %s/beside && cp %s %s", folder,
				 needs.libraries[i].path, beside);
	assert_int_equal(system(command), 0);
	needs_done(&needs);
	assert_int_equal(needs_init(&needs, &err), 0);
	/* $ORIGIN of where it was copied from counts as well. */
	assert_int_equal(needs_follow(&needs, "/proc/self/exe", copy_path, &err), 0);
	for (size_t i = 0; i < needs.n_libraries; i++)
		seen = seen || strcmp(needs.libraries[i].path, beside) == 0;
	assert_true(seen);
	needs_done(&needs);
}

static void a_missing_library_is_named_with_who_needs_it(void **state)
{
	char bytes[1 << 16];
	struct appsilo_error err = {0};
	struct needs needs;
	int fd = copy_self();
	off_t at = 0;
	ssize_t n;
	char *name = NULL;

	(void)state;
	while (!name && (n = pread(fd, bytes, sizeof(bytes), at)) > 0) {
		name = memmem(bytes, (size_t)n, "libcmocka.so.0", 15);
		at += name ? name - bytes : n - 16;
	}
	assert_non_null(name);
	assert_int_equal(pwrite(fd, "libnowher.so.0", 14, at), 14);
	close(fd);
	assert_int_equal(needs_init(&needs, &err), 0);
	assert_int_equal(needs_follow(&needs, copy_path, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.line, "libnowher.so.0"));
	assert_non_null(strstr(err.line, copy_path));
	assert_int_equal(needs.n_libraries, 0);
	needs_done(&needs);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(facts_of_a_program),
		CASE(what_is_no_program_is_told_apart),
		CASE(a_cut_off_file_is_refused),
		CASE(damaged_headers_do_no_harm),
		CASE(a_damaged_program_is_changed_or_refused),
		CASE(a_program_with_another_loader_runs),
		CASE(a_library_follows_its_program),
		CASE(needs_of_a_program),
		CASE(a_library_beside_its_program_is_found_first),
		CASE(a_missing_library_is_named_with_who_needs_it),
	};

	if (argc > 1 && strcmp(argv[1], "--ok") == 0)
		return 42;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
