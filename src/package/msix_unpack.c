/* SPDX-License-Identifier: Apache-2.0 */
#include "package/msix_internal.h"

#include "base/fd.h"
#include "base/text.h"
#include "package/folder.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct unpacking {
	const struct msix *msix;
	int dir_fd;
};

/* Make the folders above @name. Until all files are written there are no links below dir_fd. */
static int make_folders(int dir_fd, const char *name)
{
	char part[MSIX_NAME_MAX + 1];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - name), name);
		if (mkdirat(dir_fd, part, 0755) == 0) {
			/* Whatever the umask is: others start what root installed for all. */
			if (fchmodat(dir_fd, part, 0755, 0) < 0)
				return -errno;
		} else if (errno != EEXIST) {
			return -errno;
		}
	}
	return 0;
}

static int open_file(const struct unpacking *u, const char *name, bool executable)
{
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
	mode_t mode = executable ? 0755 : 0644;
	int fd = openat(u->dir_fd, name, flags, 0600), r = 0;

	if (fd < 0 && errno == ENOENT) {
		r = make_folders(u->dir_fd, name);
		if (r < 0)
			return r;
		fd = openat(u->dir_fd, name, flags, 0600);
	}
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int write_at(int fd, const char *bytes, size_t size, uint64_t offset)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, bytes, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int put(const struct unpacking *u, const char *name, bool executable, uint64_t offset,
	       const void *bytes, size_t size, struct appsilo_error *err)
{
	cleanup_close int fd = open_file(u, name, executable);
	char shown[640];
	int r = fd < 0 ? fd : write_at(fd, bytes, size, offset);

	return r < 0 ? error_set(err, r, "unpack %s", text_show(name, shown, sizeof(shown))) : 0;
}

static int put_content(void *data, const struct msix_file *file, uint64_t offset,
		       const void *bytes, size_t size, struct appsilo_error *err)
{
	return put(data, file->entry->name, file->executable, offset, bytes, size, err);
}

static int put_footprint(const struct unpacking *u, struct msix *msix, const char *name, size_t max,
			 struct appsilo_error *err)
{
	cleanup_free unsigned char *bytes = NULL;
	size_t size;
	int r = msix_find(msix, name) ? msix_read(msix, name, max, &bytes, &size, err) : 1;

	return r ? (r < 0 ? r : 0) : put(u, name, false, 0, bytes, size, err);
}

static int put_fact(const struct unpacking *u, const struct unix_fact *fact,
		    struct appsilo_error *err)
{
	char shown[640];
	int r = fact->kind == 'x' ? 0 : make_folders(u->dir_fd, fact->path);

	if (r == 0 && fact->kind == 'd' && mkdirat(u->dir_fd, fact->path, 0755) < 0)
		r = -errno;
	if (r == 0 && fact->kind == 'd' && fchmodat(u->dir_fd, fact->path, 0755, 0) < 0)
		r = -errno;
	if (r == 0 && fact->kind == 'l' && symlinkat(fact->target, u->dir_fd, fact->path) < 0)
		r = -errno;
	return r < 0 ? error_set(err, r, "unpack %s", text_show(fact->path, shown, sizeof(shown))) : 0;
}

/* Folders first, links last: no path that is made leads through a link. */
static int put_facts(const struct unpacking *u, struct appsilo_error *err)
{
	static const char kinds[] = "dl";

	for (const char *kind = kinds; *kind; kind++)
		for (size_t i = 0; i < u->msix->facts.n; i++) {
			const struct unix_fact *fact = &u->msix->facts.facts[i];
			int r = fact->kind == *kind ? put_fact(u, fact, err) : 0;

			if (r < 0)
				return r;
		}
	return 0;
}

static int unpack_all(struct msix *msix, const struct unpacking *u, bool sync,
		      struct appsilo_error *err)
{
	int r = msix_check(msix, put_content, (void *)u, err);

	if (r == 0)
		r = put_footprint(u, msix, MSIX_BLOCK_MAP, MSIX_BLOCK_MAP_MAX, err);
	if (r == 0)
		r = put_footprint(u, msix, MSIX_CODE_INTEGRITY, MSIX_FOOTPRINT_MAX, err);
	if (r == 0)
		r = put_footprint(u, msix, MSIX_SIGNATURE, MSIX_SIGNATURE_MAX, err);
	if (r == 0)
		r = put_facts(u, err);
	if (r == 0 && sync && syncfs(u->dir_fd) < 0)
		r = error_set(err, -errno, "write the unpacked files to the disk");
	return r;
}

int msix_unpack(struct msix *msix, const char *dir, bool sync, struct msix_counts *ret,
		struct appsilo_error *err)
{
	struct unpacking u = {.msix = msix, .dir_fd = -EBADF};
	char shown[PATH_MAX];
	int r;

	if (mkdir(dir, 0755) < 0)
		return error_set(err, -errno, "unpack to %s", text_show(dir, shown, sizeof(shown)));
	u.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = u.dir_fd < 0 ? error_set(err, -errno, "unpack to %s", text_show(dir, shown, sizeof(shown)))
			 : unpack_all(msix, &u, sync, err);
	close_keep_errno(u.dir_fd);
	if (r < 0) {
		/* The reason for the failure is what is told. */
		(void)!folder_remove(AT_FDCWD, dir);
		return r;
	}
	if (ret)
		msix_count(msix, ret);
	return 0;
}
