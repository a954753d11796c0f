/* SPDX-License-Identifier: Apache-2.0 */
#include "server/collect.h"

#include "base/fd.h"
#include "isolation/kernel.h"
#include "server/zygote_wire.h"
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 8 /* folders in folders; each takes from init's small stack */

struct collector {
	int socket_fd;
	uint64_t bytes_left;
	unsigned int files_left;
	bool cut, broken;
	char path[ZYGOTE_NAME_MAX + 1];
};

/* struct linux_dirent64 of getdents64(2). */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static void put(struct collector *c, const void *bytes, size_t size)
{
	c->broken = c->broken || fd_write_all(c->socket_fd, bytes, size) < 0;
}

static void send_file(struct collector *c, int fd)
{
	static char buffer[65536];
	off_t end = lseek(fd, 0, SEEK_END);
	struct zygote_file head = {.name_bytes = (uint32_t)strlen(c->path),
				   .size = end < 0 ? 0 : (uint64_t)end};

	if (head.size > c->bytes_left || c->files_left == 0) {
		c->cut = true;
		return;
	}
	c->bytes_left -= head.size;
	c->files_left--;
	put(c, &head, sizeof(head));
	put(c, c->path, head.name_bytes);
	for (uint64_t at = 0; at < head.size && !c->broken;) {
		size_t n =
			head.size - at < sizeof(buffer) ? (size_t)(head.size - at) : sizeof(buffer);

		c->broken = pread(fd, buffer, n, (off_t)at) != (ssize_t)n;
		put(c, buffer, n);
		at += n;
	}
}

static void walk(struct collector *c, int dir_fd, size_t length, int depth);

static void take(struct collector *c, int dir_fd, size_t length, int depth, const char *name)
{
	size_t n = strlen(name);
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct k_statx st;

	if (fd < 0 || k_statx(fd, "", K_AT_EMPTY_PATH, K_STATX_TYPE, &st) < 0)
		return;
	if (length + n + 1 >= sizeof(c->path) || (S_ISDIR(st.mode) && depth == DEPTH_MAX)) {
		c->cut = true;
		return;
	}
	memcpy(c->path + length, name, n + 1);
	if (S_ISREG(st.mode)) {
		send_file(c, fd);
	} else if (S_ISDIR(st.mode)) {
		memcpy(c->path + length + n, "/", 2);
		walk(c, fd, length + n + 1, depth + 1);
	}
}

static void walk(struct collector *c, int dir_fd, size_t length, int depth)
{
	char buffer[4096] __attribute__((aligned(8)));
	long n;

	while (!c->broken && (n = syscall(SYS_getdents64, dir_fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(buffer + at);

			at += e->length;
			if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
				take(c, dir_fd, length, depth, e->name);
		}
}

void collect_send(int socket_fd, uint64_t bytes_max)
{
	static struct collector c;
	struct zygote_file end = {0};
	cleanup_close int dir_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	c = (struct collector){
		.socket_fd = socket_fd, .bytes_left = bytes_max, .files_left = ZYGOTE_FILES_MAX};
	if (dir_fd >= 0)
		walk(&c, dir_fd, 0, 0);
	end.cut = c.cut;
	put(&c, &end, sizeof(end));
}
