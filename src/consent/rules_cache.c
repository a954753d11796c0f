/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/rules_cache.h"

#include "base/fd.h"
#include "base/sha256.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define MAGIC "appsilo-rules 3"
/* File times of older kernels tell apart changes this far from each other, with room. */
#define SETTLED_MS 100

struct header {
	char magic[16];
	struct rules_stamp stamp;
	uint64_t size;
	unsigned char digest[SHA256_SIZE];
};

static int stamp_file(int dir_fd, const char *name, struct rules_file *ret)
{
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	ret->size = (uint64_t)st.st_size;
	ret->changed = st.st_ctim;
	ret->modified = st.st_mtim;
	return 0;
}

static int stamp_in(int dir_fd, struct rules_stamp *ret)
{
	int r = stamp_file(dir_fd, "consent.db", &ret->database);
	int log = stamp_file(dir_fd, "consent.db-wal", &ret->log);

	return r < 0 ? r : log == -ENOENT ? 0 : log;
}

static int open_dir(const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int rules_stamp_take(const char *dir, struct rules_stamp *ret)
{
	cleanup_close int dir_fd = open_dir(dir);

	return dir_fd < 0 ? dir_fd : stamp_in(dir_fd, ret);
}

bool rules_stamp_equal(const struct rules_stamp *a, const struct rules_stamp *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void digest_of(const char *records, size_t size, unsigned char ret[SHA256_SIZE])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, records, size);
	sha256_finish(&hash, ret);
}

/* The file as far as it is ours and whole. Returns 0; -ESTALE. */
static int load(int dir_fd, const char *family, struct header *header, char **ret)
{
	char name[PATH_MAX];
	cleanup_close int fd = -EBADF;
	cleanup_free char *records = NULL;
	unsigned char digest[SHA256_SIZE];
	struct stat st;

	if (snprintf(name, sizeof(name), "rules/%s", family) >= (int)sizeof(name))
		return -ESTALE;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    read(fd, header, sizeof(*header)) != sizeof(*header) ||
	    memcmp(header->magic, MAGIC, sizeof(MAGIC)) != 0 || header->size > RULES_CACHE_MAX)
		return -ESTALE;
	records = malloc(header->size + 1);
	if (!records || read(fd, records, header->size + 1) != (ssize_t)header->size)
		return -ESTALE;
	digest_of(records, header->size, digest);
	if (memcmp(digest, header->digest, sizeof(digest)) != 0)
		return -ESTALE;
	*ret = TAKE_PTR(records);
	return 0;
}

int rules_cache_read(const char *dir, const char *family, char **ret, size_t *ret_size)
{
	cleanup_close int dir_fd = open_dir(dir);
	cleanup_free char *records = NULL;
	struct rules_stamp now;
	struct header header;
	int r = dir_fd < 0 ? dir_fd : stamp_in(dir_fd, &now);

	if (r == 0)
		r = load(dir_fd, family, &header, &records);
	if (r < 0)
		return r;
	if (!rules_stamp_equal(&now, &header.stamp))
		return -ESTALE;
	*ret_size = header.size;
	*ret = TAKE_PTR(records);
	return 0;
}

static int64_t ms_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_settled(const struct rules_stamp *stamp)
{
	const struct timespec times[] = {stamp->database.changed, stamp->database.modified,
					 stamp->log.changed, stamp->log.modified};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (ms_of(now) - ms_of(times[i]) < SETTLED_MS)
			return false;
	return true;
}

/* Under another name first: a reader sees all of it or the one before. */
static int replace(int dir_fd, const char *family, const struct header *header, const char *records)
{
	char name[NAME_MAX + 1], temporary[NAME_MAX + 1];
	cleanup_close int fd = -EBADF;
	int r;

	if (snprintf(name, sizeof(name), "%s", family) >= (int)sizeof(name) ||
	    snprintf(temporary, sizeof(temporary), ".%s.%d", family, (int)getpid()) >=
		    (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, header, sizeof(*header));
	if (r == 0)
		r = fd_write_all(fd, records, header->size);
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, temporary, 0);
	return r;
}

void rules_cache_write(const char *dir, const char *family, const struct rules_stamp *stamp,
		       const char *records, size_t size)
{
	struct header header = {.magic = MAGIC, .stamp = *stamp, .size = size};
	cleanup_close int dir_fd = open_dir(dir);
	cleanup_close int rules_fd = -EBADF;

	if (dir_fd < 0 || size > RULES_CACHE_MAX || !is_settled(stamp))
		return;
	if (mkdirat(dir_fd, "rules", 0700) < 0 && errno != EEXIST)
		return;
	rules_fd = openat(dir_fd, "rules", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (rules_fd < 0)
		return;
	digest_of(records, size, header.digest);
	(void)replace(rules_fd, family, &header, records);
}

void rules_cache_forget(const char *dir, const char *family)
{
	cleanup_close int dir_fd = open_dir(dir);
	char name[PATH_MAX];

	if (dir_fd >= 0 && snprintf(name, sizeof(name), "rules/%s", family) < (int)sizeof(name))
		(void)unlinkat(dir_fd, name, 0); /* most have none */
}
