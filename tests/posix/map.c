/* SPDX-License-Identifier: Apache-2.0 */
/* Memory maps, alone and against read and write. */
#include "check.h"

#include <sys/mman.h>

#define PAGE 4096

static char *map(int fd, int protection, int flags)
{
	char *p = mmap(NULL, PAGE, protection, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void refused(void)
{
	int fd = must(open("f", O_RDONLY), "open");

	code("shared_write_read_only", map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) ? 0 : -1);
	code("private_write_read_only", map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE) ? 0 : -1);
	close(fd);
	fd = must(open("f", O_WRONLY), "open");
	code("write_only", map(fd, PROT_READ, MAP_SHARED) ? 0 : -1);
	close(fd);
	fd = must(open(".", O_RDONLY), "open");
	code("folder", map(fd, PROT_READ, MAP_SHARED) ? 0 : -1);
	close(fd);
	code("closed", map(999, PROT_READ, MAP_SHARED) ? 0 : -1);
}

/* What a write through one way shows in the others. */
static void coherence(void)
{
	char text[8] = "";
	int fd = must(open("f", O_RDWR), "open"), fd2 = must(open("f", O_RDWR), "open");
	char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *second = map(fd2, PROT_READ, MAP_SHARED);
	char *private = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	pid_t pid;

	if (!shared || !second || !private) {
		say("maps", "none");
		return;
	}
	say("read", "%.4s", shared);
	memcpy(shared, "AAAA", 4);
	pread(fd2, text, 4, 0);
	say("map_to_read", "%s", text);
	say("map_to_map", "%.4s", second);
	pwrite(fd2, "BBBB", 4, 0);
	say("write_to_map", "%.4s", shared);
	memcpy(private, "PPPP", 4);
	pread(fd, text, 4, 0);
	say("private_stays", "%s", text);
	pwrite(fd, "CCCC", 4, 0);
	say("private_kept", "%.4s", private);
	code("msync", msync(shared, PAGE, MS_SYNC));
	code("msync_async", msync(shared, PAGE, MS_ASYNC));
	code("msync_invalidate", msync(shared, PAGE, MS_INVALIDATE));
	say("after_invalidate", "%.4s", shared);
	pid = must(fork(), "fork");
	if (pid == 0) {
		memcpy(shared, "DDDD", 4);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	say("from_child", "%.4s", second);
	close(fd);
	close(fd2);
	memcpy(shared, "EEEE", 4);
	code("after_close", msync(shared, PAGE, MS_SYNC));
	content("after_close_content", "f");
	code("unlink", unlink("f"));
	say("after_unlink", "%.4s", shared);
	memcpy(shared, "FFFF", 4);
	code("after_unlink_msync", msync(shared, PAGE, MS_SYNC));
	code("mprotect", mprotect(second, PAGE, PROT_READ | PROT_EXEC));
	code("madvise", madvise(second, PAGE, MADV_DONTNEED));
	say("after_madvise", "%.4s", second);
	munmap(shared, PAGE);
	munmap(second, PAGE);
	munmap(private, PAGE);
}

static void growing(void)
{
	int fd = must(open("g", O_RDWR | O_CREAT, 0600), "open");
	char *p;

	must(ftruncate(fd, 100), "ftruncate");
	p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (!p)
		return;
	/* Bytes of the last page beyond the end are never the file's. */
	memcpy(p + 98, "xxxx", 4);
	code("tail_msync", msync(p, PAGE, MS_SYNC));
	number("tail_size", stat_of("g").st_size);
	code("grow", ftruncate(fd, 200));
	number("tail_zero", p[100] == 0 && p[101] == 0);
	number("tail_kept", p[99] == 'x');
	memcpy(p + 150, "grown", 5);
	number("grown_read", pread(fd, &(char[5]){0}, 5, 150));
	code("cut", ftruncate(fd, 10));
	code("grow_again", ftruncate(fd, 200));
	number("cut_zero", p[150] == 0);
	p[0] = 'p';
	number("mtime_after_map", stat_of("g").st_mtim.tv_sec > 1500000000);
	munmap(p, PAGE);
	close(fd);
}

void check_map(void)
{
	put("f", "0123456789");
	refused();
	coherence();
	growing();
}

static int touch_beyond(const void *data)
{
	int fd = open(data, O_RDONLY);
	char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	volatile char byte = p[2 * PAGE];

	return byte;
}

static int touch_cut(const void *data)
{
	int fd = open(data, O_RDWR);
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	volatile char byte = p[0];

	if (ftruncate(fd, 0) < 0)
		return 1;
	byte = p[0];
	return byte;
}

static int touch_empty(const void *data)
{
	int fd = open(data, O_RDONLY);
	char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	volatile char byte = p[0];

	return byte;
}

static int write_in_hole(const void *data)
{
	int fd = open(data, O_RDWR | O_CREAT, 0600);
	char *p;

	if (ftruncate(fd, PAGE) < 0)
		return 1;
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[0] = 'h';
	return msync(p, PAGE, MS_SYNC) < 0;
}

void check_map_signals(void)
{
	put("f", "short");
	put("e", "");
	in_child("beyond", touch_beyond, "f");
	in_child("cut", touch_cut, "f");
	in_child("empty", touch_empty, "e");
	in_child("hole", write_in_hole, "h");
	content("hole_content", "h");
}
