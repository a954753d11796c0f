/* SPDX-License-Identifier: Apache-2.0 */
#include "package/stamps.h"

#include "base/fd.h"
#include "base/text.h"
#include "package/record.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define STAMPS_FILE RECORD_DIR "/stamps"
#define STAMPS_MAGIC 0x31504d5453415041u /* "APASTMP1" */
#define DEPTH_MAX 128

/* Followed by the path, relative to the package, and padding to 8 bytes. */
struct stamp {
	uint64_t inode, size;
	int64_t changed_s;
	uint32_t changed_ns, mode;
	uint32_t path_size; /* with its NUL and padding */
	uint32_t reserved;
};

/* The package's own folder changes its change time when it is moved into place: there the
 * time of its last new or removed name counts. */
static void take(const struct stat *st, bool top, struct stamp *ret)
{
	const struct timespec *time = top ? &st->st_mtim : &st->st_ctim;

	*ret = (struct stamp){
		.inode = st->st_ino,
		.size = S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size,
		.changed_s = time->tv_sec,
		.changed_ns = (uint32_t)time->tv_nsec,
		.mode = st->st_mode,
	};
}

static int put(FILE *out, const struct stat *st, const char *path)
{
	static const char padding[8];
	size_t n = strlen(path) + 1, padded = (n + 7) & ~(size_t)7;
	struct stamp stamp;

	take(st, !*path, &stamp);
	stamp.path_size = (uint32_t)padded;
	fwrite(&stamp, sizeof(stamp), 1, out);
	fwrite(path, n, 1, out);
	fwrite(padding, padded - n, 1, out);
	return ferror(out) ? -EIO : 0;
}

static int walk(FILE *out, int parent_fd, const char *name, char *path, int depth)
{
	cleanup_close int fd = openat(parent_fd, name,
				      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 || depth > DEPTH_MAX ? NULL : fdopendir(dup(fd));
	size_t length = strlen(path);
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (!dir || fstat(fd, &st) < 0)
		return depth > DEPTH_MAX ? -ELOOP : -errno;
	r = put(out, &st, path);
	while (r == 0 && (entry = readdir(dir))) {
		const char *child = entry->d_name;

		if (strcmp(child, ".") == 0 || strcmp(child, "..") == 0 ||
		    (depth == 0 && strcmp(child, RECORD_DIR) == 0))
			continue;
		if (snprintf(path + length, PATH_MAX - length, "%s%s", length ? "/" : "", child) >=
		    (int)(PATH_MAX - length))
			r = -ENAMETOOLONG;
		else if (fstatat(fd, child, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		else if (S_ISDIR(st.st_mode))
			r = walk(out, fd, child, path, depth + 1);
		else
			r = put(out, &st, path);
		path[length] = '\0';
	}
	closedir(dir);
	return r;
}

int stamps_write(int dir_fd, const char *dir, struct appsilo_error *err)
{
	const uint64_t magic = STAMPS_MAGIC;
	cleanup_fclose FILE *out = NULL;
	char path[PATH_MAX] = "";
	int fd = openat(dir_fd, STAMPS_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return error_set(err, -errno, "%s/" STAMPS_FILE, dir);
	fwrite(&magic, sizeof(magic), 1, out);
	r = walk(out, dir_fd, ".", path, 0);
	if (r == 0 && fflush(out) != 0)
		r = -errno;
	return r < 0 ? error_set(err, r, "%s/" STAMPS_FILE, dir) : 0;
}

static int compare(int dir_fd, const struct stamp *wanted)
{
	const char *path = (const char *)(wanted + 1);
	struct stamp now;
	struct stat st;

	if (fstatat(dir_fd, *path ? path : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	take(&st, !*path, &now);
	return now.inode == wanted->inode && now.size == wanted->size &&
			       now.changed_s == wanted->changed_s &&
			       now.changed_ns == wanted->changed_ns && now.mode == wanted->mode
		       ? 0
		       : -ESTALE;
}

static int compare_all(int dir_fd, const char *dir, const char *at, const char *end,
		       struct appsilo_error *err)
{
	char shown[PATH_MAX];

	while (at < end) {
		const struct stamp *stamp = (const void *)at;
		size_t left = (size_t)(end - at);

		if (left < sizeof(*stamp) || left - sizeof(*stamp) < stamp->path_size ||
		    stamp->path_size == 0 || stamp->path_size % 8 ||
		    at[sizeof(*stamp) + stamp->path_size - 1])
			return error_say(err, -EBADMSG, "%s/" STAMPS_FILE
				": damaged; install the package again", dir);
		if (compare(dir_fd, stamp) < 0)
			return error_say(err, -ESTALE,
					 "%s/%s was changed after the package was installed; "
					 "install it again",
					 dir, text_show((const char *)(stamp + 1), shown,
							sizeof(shown)));
		at += sizeof(*stamp) + stamp->path_size;
	}
	return 0;
}

int stamps_check(int dir_fd, const char *dir, struct appsilo_error *err)
{
	cleanup_close int fd = openat(dir_fd, STAMPS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	const uint64_t *map;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s/" STAMPS_FILE ": install the package again", dir);
	size = (size_t)st.st_size;
	if (size < sizeof(*map))
		return error_say(err, -EBADMSG, "%s/" STAMPS_FILE ": damaged; install the package "
						"again", dir);
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return error_set(err, -errno, "%s/" STAMPS_FILE, dir);
	r = *map == STAMPS_MAGIC
		    ? compare_all(dir_fd, dir, (const char *)(map + 1), (const char *)map + size, err)
		    : error_say(err, -EBADMSG, "%s/" STAMPS_FILE
				": damaged; install the package again", dir);
	munmap((void *)map, size);
	return r;
}
