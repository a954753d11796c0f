/* SPDX-License-Identifier: Apache-2.0 */
#include "package/msix.h"

#include "base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

struct place {
	char path[64]; /* a temporary folder */
	char tree[80], package[80];
};

/* Run @words in the shell, in @path. */
static void run(const char *path, const char *words)
{
	char command[1024];

	snprintf(command, sizeof(command), "cd '%s' && %s", path, words);
	assert_int_equal(system(command), 0);
}

static int make_place(void **state)
{
	static struct place p;

	strcpy(p.path, "/tmp/appsilo-msix-XXXXXX");
	if (!mkdtemp(p.path))
		return -1;
	snprintf(p.tree, sizeof(p.tree), "%s/tree", p.path);
	snprintf(p.package, sizeof(p.package), "%s/p.msix", p.path);
	*state = &p;
	run(p.path, "mkdir -p tree/a/b tree/empty && echo '<Package/>' > tree/AppxManifest.xml && "
	    "printf '#!/bin/sh\\necho hello\\n' > tree/a/run && chmod 755 tree/a/run && "
	    "ln -s ../run tree/a/b/link && seq 1 20000 > tree/a/numbers.txt && "
	    "head -c 70000 /dev/urandom > 'tree/some noise.bin' && : > tree/nothing");
	return 0;
}

static int remove_place(void **state)
{
	run(((struct place *)*state)->path, "rm -rf \"$PWD\"");
	return 0;
}

static void pack(const struct place *p, const char *out, unsigned int threads)
{
	struct msix_pack_options options = {.common.threads = threads};
	struct appsilo_error err = {0};

	if (msix_pack(p->tree, out, &options, NULL, &err) < 0)
		fail_msg("%s", err.line);
}

static unsigned char *load(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	unsigned char *bytes;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*ret_size = (size_t)st.st_size;
	bytes = malloc(*ret_size + 1);
	assert_int_equal(read(fd, bytes, *ret_size), *ret_size);
	close(fd);
	return bytes;
}

/* Open and verify what is in @fd, and say what a signature of it would be over. */
static int judge(int fd, unsigned char digests[MSIX_DIGESTS_MAX], struct appsilo_error *err)
{
	struct msix_options options = {.threads = 1};
	struct msix *msix = NULL;
	size_t n;
	int r = msix_open_fd(fd, "damaged", &options, &msix, err);

	memset(digests, 0, MSIX_DIGESTS_MAX);
	if (r == 0)
		r = msix_verify(msix, NULL, err);
	if (r == 0)
		r = msix_digests(msix, digests, &n, err);
	msix_close(msix);
	return r;
}

struct victim {
	int fd;
	unsigned char *bytes; /* owned; undamaged */
	size_t size;
	unsigned char digests[MSIX_DIGESTS_MAX];
};

static void load_signed(const struct place *p, struct victim *ret)
{
	struct appsilo_error err = {0};

	pack(p, p->package, 0);
	assert_int_equal(msix_add_signature(p->package, (const unsigned char *)"PKCX and more", 13, &err), 0);
	ret->bytes = load(p->package, &ret->size);
	ret->fd = memfd_create("package", MFD_CLOEXEC);
	assert_int_equal(fd_write_all(ret->fd, ret->bytes, ret->size), 0);
	assert_int_equal(judge(ret->fd, ret->digests, &err), 0);
}

static void victim_done(struct victim *v)
{
	close(v->fd);
	free(v->bytes);
}

/* Refused, or signed for something else: bits that deflate skips change no content. */
static void damage(const struct victim *v, size_t at, unsigned char damaged)
{
	unsigned char digests[MSIX_DIGESTS_MAX];
	struct appsilo_error err = {0};

	assert_int_equal(pwrite(v->fd, &damaged, 1, (off_t)at), 1);
	if (judge(v->fd, digests, &err) >= 0 && memcmp(digests, v->digests, sizeof(digests)) == 0)
		fail_msg("byte %zu of %zu: %02x taken for %02x", at, v->size, damaged, v->bytes[at]);
	if (err.code)
		assert_non_null(strstr(err.line, "damaged: "));
	assert_int_equal(pwrite(v->fd, v->bytes + at, 1, (off_t)at), 1);
}

static void what_was_packed_comes_out_again(void **state)
{
	const struct place *p = *state;
	struct msix_counts counts;
	struct appsilo_error err = {0};
	struct msix *msix = NULL;
	char out[96];

	pack(p, p->package, 0);
	snprintf(out, sizeof(out), "%s/out", p->path);
	assert_int_equal(msix_open(p->package, NULL, &msix, &err), 0);
	assert_int_equal(msix_verify(msix, &counts, &err), 0);
	assert_int_equal(counts.links, 1);
	assert_int_equal(counts.files, 6);
	assert_int_equal(msix_unpack(msix, out, false, NULL, &err), 0);
	assert_int_equal(msix_unpack(msix, out, false, NULL, &err), -EEXIST);
	msix_close(msix);
	run(p->path, "rm out/AppxBlockMap.xml out/AppsiloFiles.txt && diff -r --no-dereference tree out && "
		     "test -x out/a/run && test ! -x out/a/numbers.txt && test -d out/empty");
}

static void the_same_folder_gives_the_same_bytes(void **state)
{
	const struct place *p = *state;
	char other[96];

	snprintf(other, sizeof(other), "%s/q.msix", p->path);
	pack(p, p->package, 1);
	run(p->path, "touch -d 2001-01-01 tree/a/run");
	pack(p, other, 4);
	run(p->path, "cmp p.msix q.msix");
}

static void an_unpacked_package_packs_to_the_same(void **state)
{
	const struct place *p = *state;
	struct appsilo_error err = {0};
	struct msix *msix = NULL;
	char out[96], again[96];

	pack(p, p->package, 0);
	snprintf(out, sizeof(out), "%s/out", p->path);
	snprintf(again, sizeof(again), "%s/again.msix", p->path);
	assert_int_equal(msix_open(p->package, NULL, &msix, &err), 0);
	assert_int_equal(msix_unpack(msix, out, false, NULL, &err), 0);
	msix_close(msix);
	assert_int_equal(msix_pack(out, again, NULL, NULL, &err), 0);
	run(p->path, "cmp p.msix again.msix");
}

static void damage_to_every_byte_is_found(void **state)
{
	static const unsigned char flips[] = {0x01, 0x80, 0xff};
	unsigned char digests[MSIX_DIGESTS_MAX];
	struct victim v;

	run(((struct place *)*state)->tree, "rm 'some noise.bin' && seq 1 300 > a/numbers.txt");
	load_signed(*state, &v);
	for (size_t i = 0; i < v.size; i++)
		for (size_t k = 0; k < ARRAY_SIZE(flips); k++)
			damage(&v, i, v.bytes[i] ^ flips[k]);
	assert_int_equal(judge(v.fd, digests, NULL), 0);
	victim_done(&v);
}

static void random_damage_is_found(void **state)
{
	struct victim v;

	load_signed(*state, &v);
	srandom(4);
	for (int i = 0; i < 1000; i++) {
		size_t at = (size_t)random() % v.size;

		damage(&v, at, (unsigned char)(v.bytes[at] + 1 + random() % 255));
	}
	victim_done(&v);
}

static void a_file_cut_off_anywhere_is_refused(void **state)
{
	unsigned char digests[MSIX_DIGESTS_MAX];
	struct victim v;

	run(((struct place *)*state)->tree, "rm 'some noise.bin' && seq 1 300 > a/numbers.txt");
	load_signed(*state, &v);
	for (size_t size = v.size; size-- > 0;) {
		assert_int_equal(ftruncate(v.fd, (off_t)size), 0);
		assert_int_equal(judge(v.fd, digests, NULL), -EBADMSG);
	}
	victim_done(&v);
}

static void what_cannot_be_packed_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{"ln -s /etc/passwd tree/link", "it is absolute"},
		{"ln -s ../../x tree/a/link", "it leaves the package"},
		{"ln -s ../a/b/../../.. tree/a/link", "not a clean relative path"},
		{"mkfifo tree/pipe", "neither a file, a folder nor a link"},
		{"touch 'tree/a:b'", "one of"},
		{"touch 'tree/a\\b'", "one of"},
		{"touch \"tree/$(printf 'a\\nb')\"", "control character"},
		{"touch \"tree/$(printf 'a\\377')\"", "not UTF-8"},
		{"touch tree/aux.txt", "device name"},
		{"touch tree/dot.", "ends with a dot"},
		{"touch tree/NOTHING", "differs only in case"},
		{"touch tree/\xc3\xa4 tree/\xc3\x84", "differs only in case"},
		{"rm tree/AppxManifest.xml", "there is no AppxManifest.xml"},
		{"rm tree/AppxManifest.xml && ln -s a/run tree/AppxManifest.xml", "there is no AppxManifest.xml"},
	};
	const struct place *p = *state;
	char command[256];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct appsilo_error err = {0};

		snprintf(command, sizeof(command), "rm -rf keep && cp -a tree keep && %s", bad[i][0]);
		run(p->path, command);
		if (msix_pack(p->tree, p->package, NULL, NULL, &err) != -EINVAL ||
		    !strstr(err.line, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], err.line);
		run(p->path, "test ! -e p.msix* && rm -rf tree && mv keep tree");
	}
}

static void a_package_is_not_written_into_its_folder(void **state)
{
	const struct place *p = *state;
	struct appsilo_error err = {0};
	char inside[96];

	snprintf(inside, sizeof(inside), "%s/a/p.msix", p->tree);
	assert_int_equal(msix_pack(p->tree, inside, NULL, NULL, &err), -EINVAL);
}

static void a_signature_is_put_in_and_taken_out(void **state)
{
	static const unsigned char first[] = "PKCXone", second[] = "PKCXanother";
	const struct place *p = *state;
	unsigned char before[MSIX_DIGESTS_MAX], after[MSIX_DIGESTS_MAX], *p7x;
	struct appsilo_error err = {0};
	size_t size, n;
	struct msix *msix = NULL;

	pack(p, p->package, 0);
	run(p->path, "cp p.msix unsigned.msix");
	assert_int_equal(msix_open(p->package, NULL, &msix, &err), 0);
	assert_int_equal(msix_digests(msix, before, &n, &err), 0);
	assert_int_equal(n, 4 + 4 * 36);
	assert_int_equal(msix_read_signature(msix, &p7x, &size, &err), -ENOENT);
	msix_close(msix);
	assert_int_equal(msix_add_signature(p->package, first, sizeof(first), &err), 0);
	assert_int_equal(msix_add_signature(p->package, second, sizeof(second), &err), 0);
	assert_int_equal(msix_open(p->package, NULL, &msix, &err), 0);
	assert_int_equal(msix_verify(msix, NULL, &err), 0);
	assert_int_equal(msix_digests(msix, after, &n, &err), 0);
	assert_memory_equal(before, after, n);
	assert_int_equal(msix_read_signature(msix, &p7x, &size, &err), 0);
	assert_int_equal(size, sizeof(second));
	assert_memory_equal(p7x, second, size);
	free(p7x);
	msix_close(msix);
	assert_int_equal(msix_prepare_signature(p->package, p->package, &err), 0);
	run(p->path, "cmp p.msix unsigned.msix");
}

static void digests_tell_every_part_apart(void **state)
{
	const struct place *p = *state;
	unsigned char before[MSIX_DIGESTS_MAX], after[MSIX_DIGESTS_MAX];
	struct appsilo_error err = {0};
	struct msix *msix = NULL;
	size_t n;

	pack(p, p->package, 0);
	assert_int_equal(msix_open(p->package, NULL, &msix, &err), 0);
	assert_int_equal(msix_digests(msix, before, &n, &err), 0);
	msix_close(msix);
	run(p->path, "chmod 644 tree/a/run");
	pack(p, p->package, 0);
	assert_int_equal(msix_open(p->package, NULL, &msix, &err), 0);
	assert_int_equal(msix_digests(msix, after, &n, &err), 0);
	msix_close(msix);
	/* The mode of a file is content: AXPC, AXCD and AXBM change, AXCT does not. */
	assert_memory_not_equal(before + 8, after + 8, 32);
	assert_memory_not_equal(before + 44, after + 44, 32);
	assert_memory_equal(before + 80, after + 80, 32);
	assert_memory_not_equal(before + 116, after + 116, 32);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_packed_comes_out_again),
		CASE(the_same_folder_gives_the_same_bytes),
		CASE(an_unpacked_package_packs_to_the_same),
		CASE(damage_to_every_byte_is_found),
		CASE(random_damage_is_found),
		CASE(a_file_cut_off_anywhere_is_refused),
		CASE(what_cannot_be_packed_is_refused),
		CASE(a_package_is_not_written_into_its_folder),
		CASE(a_signature_is_put_in_and_taken_out),
		CASE(digests_tell_every_part_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
