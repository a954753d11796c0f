/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define BUFFER_BYTES 8192

/* getdents64(2), which the C libraries declare in different ways or not at all. */
struct entry {
	uint64_t ino;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* Some file systems do not know types while listing. */
static unsigned char type_of(int dir_fd, const struct entry *e)
{
	struct stat st;

	if (e->type != DT_UNKNOWN || fstatat(dir_fd, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return e->type;
	return (unsigned char)IFTODT(st.st_mode);
}

static int visit_block(const char *block, long size, int dir_fd, dir_visit_fn visit, void *data)
{
	int r = 0;

	for (long at = 0; r == 0 && at < size;) {
		const struct entry *e = (const struct entry *)(block + at);

		at += e->length;
		if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
			r = visit(data, dir_fd, e->name, type_of(dir_fd, e));
	}
	return r;
}

int dir_each(const char *path, dir_visit_fn visit, void *data)
{
	_Alignas(struct entry) char block[BUFFER_BYTES];
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	long n;
	int r = 0;

	if (fd < 0)
		return -errno;
	while (r == 0 && (n = syscall(SYS_getdents64, fd, block, sizeof(block))) > 0)
		r = visit_block(block, n, fd, visit, data);
	return r == 0 && n < 0 ? -errno : r;
}
