/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes: offsets, holes, big files, copies, appending, syncing. */
#include "check.h"

#include <linux/falloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

/* Opaque to the compiler, which would warn. */
static void *bad_address(void)
{
	static void *volatile address = (void *)8;

	return address;
}

void check_offsets(void)
{
	char text[32] = "";
	struct iovec parts[2] = {{text, 3}, {text + 8, 4}};
	int fd, fd2, status;
	pid_t pid;

	put("f", "0123456789");
	fd = must(open("f", O_RDWR), "open");
	number("read", read(fd, text, 4));
	number("pos", lseek(fd, 0, SEEK_CUR));
	number("pread", pread(fd, text, 4, 8));
	number("pos_kept", lseek(fd, 0, SEEK_CUR));
	number("pwrite", pwrite(fd, "AB", 2, 1));
	number("pos_kept2", lseek(fd, 0, SEEK_CUR));
	number("end", lseek(fd, 0, SEEK_END));
	number("read_at_end", read(fd, text, 4));
	number("beyond", lseek(fd, 20, SEEK_SET));
	number("read_beyond", read(fd, text, 4));
	number("write_beyond", write(fd, "end", 3));
	number("size", stat_of("f").st_size);
	number("gap", pread(fd, text, 3, 15));
	number("gap_is_zero", text[0] == 0 && text[1] == 0 && text[2] == 0);
	number("negative", lseek(fd, -1, SEEK_SET));
	number("bad_whence", lseek(fd, 0, 99));
	number("pread_negative", pread(fd, text, 1, -1));
	number("overflow", lseek(fd, INT64_MAX, SEEK_END));
	fd2 = dup(fd);
	lseek(fd, 2, SEEK_SET);
	number("dup_shares", lseek(fd2, 0, SEEK_CUR));
	close(fd2);
	fd2 = must(open("f", O_RDONLY), "open");
	number("second_open_own", lseek(fd2, 0, SEEK_CUR));
	pid = must(fork(), "fork");
	if (pid == 0)
		_exit(read(fd, text, 3) == 3 ? 0 : 1);
	must(waitpid(pid, &status, 0), "wait");
	number("fork_shares", lseek(fd, 0, SEEK_CUR));
	lseek(fd, 0, SEEK_SET);
	number("readv", readv(fd, parts, 2));
	number("writev", writev(fd, parts, 2));
	number("preadv", preadv(fd, parts, 2, 1));
	number("pwritev", pwritev(fd, parts, 2, 1));
	number("preadv2", preadv2(fd, parts, 2, 0, RWF_HIPRI));
	number("pwritev2_append", pwritev2(fd, parts, 1, 0, RWF_APPEND));
	number("pwritev2_sync", pwritev2(fd, parts, 1, 0, RWF_DSYNC));
	number("pwritev2_unknown", pwritev2(fd, parts, 1, 0, 1 << 20));
	number("size_after", stat_of("f").st_size);
	number("zero_write", write(fd, "", 0));
	number("bad_buffer", write(fd, bad_address(), 4));
	number("read_bad_buffer", pread(fd, bad_address(), 4, 0));
	number("read_folder", read(open(".", O_RDONLY), text, 1));
	code("cut", ftruncate(fd, 3));
	number("read_after_cut", pread(fd, text, 10, 0));
	code("grow", ftruncate(fd, 10));
	number("grown_read", pread(fd, text, 20, 0));
	number("grown_zero", text[3] == 0 && text[9] == 0);
	code("cut_negative", ftruncate(fd, -1));
	code("cut_read_only", ftruncate(fd2, 0));
	code("cut_path_negative", truncate("f", -1));
	code("cut_folder", truncate(".", 0));
	code("cut_missing", truncate("no", 0));
	close(fd);
	close(fd2);
}

static void fallocate_modes(int fd)
{
	static const struct {
		const char *name;
		int mode;
		off_t offset, length;
	} calls[] = {
		{"alloc", 0, 0, 100000},
		{"alloc_keep", FALLOC_FL_KEEP_SIZE, 100000, 100000},
		{"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192},
		{"punch_alone", FALLOC_FL_PUNCH_HOLE, 4096, 8192},
		{"zero", FALLOC_FL_ZERO_RANGE, 0, 4096},
		{"zero_keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096},
		{"collapse", FALLOC_FL_COLLAPSE_RANGE, 0, 4096},
		{"insert", FALLOC_FL_INSERT_RANGE, 0, 4096},
		{"unshare", FALLOC_FL_UNSHARE_RANGE, 0, 4096},
		{"negative", 0, -1, 100},
		{"empty", 0, 0, 0},
		{"unknown", 1 << 20, 0, 100},
	};
	char text[32];

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		pwrite(fd, "0123456789", 10, 5000);
		code(calls[i].name, fallocate(fd, calls[i].mode, calls[i].offset, calls[i].length));
		snprintf(text, sizeof(text), "%s_size", calls[i].name);
		number(text, stat_of("f").st_size);
		snprintf(text, sizeof(text), "%s_byte", calls[i].name);
		number(text, pread(fd, &(char[1]){0}, 1, 5000));
	}
}

void check_holes(void)
{
	char byte = 1;
	int fd = must(open("f", O_RDWR | O_CREAT, 0600), "open"), ro;

	fallocate_modes(fd);
	ro = must(open("f", O_RDONLY), "open");
	code("read_only", fallocate(ro, 0, 0, 10));
	code("posix", posix_fallocate(fd, 0, 200000) == 0 ? 0 : -1);
	number("posix_size", stat_of("f").st_size);
	close(fd);
	close(ro);
	fd = must(open("s", O_RDWR | O_CREAT, 0600), "open");
	must(ftruncate(fd, 1 << 20), "ftruncate");
	number("sparse_size", stat_of("s").st_size);
	number("sparse_blocks", (long)stat_of("s").st_blocks);
	number("sparse_read", pread(fd, &byte, 1, 500000));
	number("sparse_byte", byte);
	number("no_data", lseek(fd, 0, SEEK_DATA));
	number("hole_at_start", lseek(fd, 0, SEEK_HOLE));
	pwrite(fd, "x", 1, 524288);
	fsync(fd);
	number("data", lseek(fd, 0, SEEK_DATA));
	number("data_inside", lseek(fd, 524288, SEEK_DATA));
	number("hole_after", lseek(fd, 524288, SEEK_HOLE));
	number("hole_at_end", lseek(fd, (1 << 20) - 1, SEEK_HOLE));
	number("data_at_end", lseek(fd, 1 << 20, SEEK_DATA));
	number("hole_beyond", lseek(fd, 2 << 20, SEEK_HOLE));
	number("pos_after", lseek(fd, 0, SEEK_CUR));
	number("read_from_data", read(fd, &byte, 1));
	close(fd);
}

static int too_big(const void *data)
{
	struct rlimit limit = {1000, 1000};
	int fd = *(const int *)data;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (pwrite(fd, "x", 1, 999) != 1 || pwrite(fd, "x", 1, 1000) >= 0)
		return 1;
	return errno;
}

static int too_big_signal(const void *data)
{
	struct rlimit limit = {1000, 1000};

	setrlimit(RLIMIT_FSIZE, &limit);
	pwrite(*(const int *)data, "x", 1, 1000);
	return 0;
}

static int too_big_truncate(const void *data)
{
	struct rlimit limit = {1000, 1000};

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	return ftruncate(*(const int *)data, 2000) < 0 ? errno : 0;
}

void check_big(void)
{
	const off_t five_gib = (off_t)5 << 30;
	char *buffer = malloc(8 << 20), *back = malloc(8 << 20);
	char text[16] = "";
	uint32_t x = 1;
	int fd = must(open("f", O_RDWR | O_CREAT, 0600), "open");

	number("write", pwrite(fd, "far away", 8, five_gib));
	number("size", stat_of("f").st_size);
	number("read", pread(fd, text, 8, five_gib));
	say("text", "%s", text);
	number("at_4gib", pread(fd, text, 8, (off_t)4 << 30));
	number("seek", lseek(fd, five_gib + 4, SEEK_SET));
	number("read_on", read(fd, text, 8));
	code("cut", ftruncate(fd, ((off_t)4 << 30) + 1));
	number("cut_size", stat_of("f").st_size);
	close(fd);
	for (size_t i = 0; i < 8 << 20; i++)
		buffer[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
	fd = must(open("g", O_RDWR | O_CREAT, 0600), "open");
	number("8mib_write", write(fd, buffer, 8 << 20));
	number("8mib_read", pread(fd, back, 8 << 20, 0));
	number("8mib_same", memcmp(buffer, back, 8 << 20) == 0);
	number("odd_write", pwrite(fd, buffer, 100001, 4095));
	number("odd_read", pread(fd, back, 100001, 4095));
	number("odd_same", memcmp(buffer, back, 100001) == 0);
	close(fd);
	free(buffer);
	free(back);
	fd = must(open("l", O_RDWR | O_CREAT, 0600), "open");
	in_child("limit", too_big, &fd);
	in_child("limit_signal", too_big_signal, &fd);
	in_child("limit_truncate", too_big_truncate, &fd);
	number("limit_size", stat_of("l").st_size);
	close(fd);
}

static void with_pipes(int in, int out)
{
	int pipes[2], second[2];
	loff_t off = 2;
	off_t from = 1;

	must(pipe(pipes), "pipe");
	must(pipe(second), "pipe");
	number("sendfile_pipe", sendfile(pipes[1], in, &from, 5));
	number("sendfile_from", from);
	number("splice_out", splice(pipes[0], NULL, out, &off, 5, 0));
	number("splice_in", splice(in, &(loff_t){3}, pipes[1], NULL, 4, 0));
	number("tee", tee(pipes[0], second[1], 4, 0));
	number("splice_both", splice(pipes[0], NULL, out, &(loff_t){20}, 4, 0));
	number("splice_files", splice(in, NULL, out, NULL, 4, 0));
	content("splice_content", "out");
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(second[i]);
	}
}

void check_copies(void)
{
	int in, out, ro;
	loff_t from = 2, to = 5;
	off_t at = 4;

	put("in", "0123456789abcdef");
	put("out", "");
	in = must(open("in", O_RDWR), "open");
	out = must(open("out", O_RDWR), "open");
	number("plain", copy_file_range(in, NULL, out, NULL, 6, 0));
	number("pos_in", lseek(in, 0, SEEK_CUR));
	number("pos_out", lseek(out, 0, SEEK_CUR));
	number("offsets", copy_file_range(in, &from, out, &to, 4, 0));
	number("offset_in", from);
	number("offset_out", to);
	content("content", "out");
	number("past_end", copy_file_range(in, &(loff_t){16}, out, NULL, 4, 0));
	number("over_end", copy_file_range(in, &(loff_t){12}, out, NULL, 100, 0));
	number("same_file", copy_file_range(in, &(loff_t){0}, in, &(loff_t){8}, 4, 0));
	number("overlap", copy_file_range(in, &(loff_t){0}, in, &(loff_t){2}, 4, 0));
	number("zero", copy_file_range(in, NULL, out, NULL, 0, 0));
	number("bad_flags", copy_file_range(in, NULL, out, NULL, 1, 8));
	ro = must(open("out", O_RDONLY), "open");
	number("to_read_only", copy_file_range(in, NULL, ro, NULL, 1, 0));
	close(ro);
	ro = must(open("out", O_WRONLY | O_APPEND), "open");
	number("to_append", copy_file_range(in, &(loff_t){0}, ro, NULL, 1, 0));
	number("from_write_only", copy_file_range(ro, NULL, out, NULL, 1, 0));
	close(ro);
	number("sendfile", sendfile(out, in, &at, 4));
	number("sendfile_offset", at);
	content("all", "out");
	with_pipes(in, out);
	close(in);
	close(out);
}

#define LINES 400
#define LINE "123456789\n"

static int append_lines(void *data)
{
	int fd = open("a", O_WRONLY | O_APPEND);

	(void)data;
	for (int i = 0; i < LINES; i++)
		if (write(fd, LINE, 10) != 10)
			return 1;
	return 0;
}

void check_append(void)
{
	char line[10];
	int fd, whole = 0;
	pid_t pids[4];

	put("f", "abc");
	fd = must(open("f", O_RDWR | O_APPEND), "open");
	number("pos", lseek(fd, 0, SEEK_CUR));
	lseek(fd, 1, SEEK_SET);
	number("write", write(fd, "def", 3));
	number("pos_after", lseek(fd, 0, SEEK_CUR));
	number("pwrite", pwrite(fd, "ghi", 3, 0));
	content("content", "f");
	close(fd);
	put("a", "");
	for (int i = 0; i < 4; i++) {
		pids[i] = must(fork(), "fork");
		if (pids[i] == 0)
			_exit(append_lines(NULL));
	}
	for (int i = 0; i < 4; i++)
		waitpid(pids[i], NULL, 0);
	number("processes_size", stat_of("a").st_size);
	fd = must(open("a", O_RDONLY), "open");
	while (read(fd, line, 10) == 10)
		whole += memcmp(line, LINE, 10) == 0;
	number("processes_whole_lines", whole);
	close(fd);
}

void check_sync(void)
{
	int fd, dir_fd;

	put("f", "0123456789");
	fd = must(open("f", O_RDWR), "open");
	dir_fd = must(open(".", O_RDONLY | O_DIRECTORY), "open");
	code("fsync", fsync(fd));
	code("fdatasync", fdatasync(fd));
	code("fsync_folder", fsync(dir_fd));
	code("fdatasync_folder", fdatasync(dir_fd));
	code("range", sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
	code("syncfs", syncfs(fd));
	code("fsync_closed", fsync(999));
	code("fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	code("fadvise_dontneed", posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	content("after_dontneed", "f");
	code("readahead", readahead(fd, 0, 10));
	close(fd);
	code("close_twice", close(fd));
	fd = must(open("f", O_RDONLY), "open");
	code("fsync_read_only", fsync(fd));
	close(fd);
	close(dir_fd);
}

#define THREADS 64
#define ROUNDS 20

static int one_round(int id, int round)
{
	char name[32], other[32], text[32], back[32] = "";
	int fd, bad = 0;

	snprintf(name, sizeof(name), "t%d-%d", id, round);
	snprintf(other, sizeof(other), "r%d-%d", id, round);
	snprintf(text, sizeof(text), "thread %d round %d", id, round);
	fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
	bad += fd < 0;
	bad += write(fd, text, strlen(text)) != (ssize_t)strlen(text);
	bad += rename(name, other) < 0;
	bad += pread(fd, back, sizeof(back), 0) != (ssize_t)strlen(text) || strcmp(text, back) != 0;
	bad += stat(name, &(struct stat){0}) == 0 || errno != ENOENT;
	bad += unlink(other) < 0;
	bad += mkdir(name, 0700) < 0;
	bad += rmdir(name) < 0;
	close(fd);
	return bad;
}

static void *many_rounds(void *data)
{
	int id = (int)(intptr_t)data, fd = open("shared", O_WRONLY | O_APPEND);
	intptr_t bad = fd < 0;

	for (int round = 0; round < ROUNDS; round++) {
		bad += one_round(id, round);
		bad += write(fd, LINE, 10) != 10;
	}
	close(fd);
	return (void *)bad;
}

void check_threads(void)
{
	pthread_t threads[THREADS];
	long bad = 0;

	put("shared", "");
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, many_rounds, (void *)(intptr_t)i) != 0)
			exit(1);
	for (int i = 0; i < THREADS; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		bad += (intptr_t)ret;
	}
	number("failures", bad);
	number("shared_size", stat_of("shared").st_size);
	code("nothing_left", unlink("shared"));
	code("folder_empty", chdir(".."));
	code("folder_removed", rmdir("threads"));
	folder("threads");
}
