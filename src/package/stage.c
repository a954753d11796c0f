/* SPDX-License-Identifier: Apache-2.0 */
#include "package/stage.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "package/folder.h"
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define VFS "VFS"

static int say(struct appsilo_error *err, int code, const char *path)
{
	char shown[512];

	return error_set(err, code, "pack: %s", text_show(path, shown, sizeof(shown)));
}

static int check_empty(int dir_fd, const char *path, struct appsilo_error *err)
{
	DIR *dir = fdopendir(fcntl(dir_fd, F_DUPFD_CLOEXEC, 0));
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return say(err, -errno, path);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	return n ? say(err, -ENOTEMPTY, path) : 0;
}

int stage_open(const char *path, struct stage *ret, struct appsilo_error *err)
{
	int r;

	*ret = (struct stage){.fd = -EBADF};
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return say(err, -errno, path);
	ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0 || !realpath(path, ret->path))
		return say(err, -errno, path);
	r = check_empty(ret->fd, path, err);
	return r < 0 ? r : needs_init(&ret->needs, err);
}

void stage_done(struct stage *stage)
{
	for (size_t i = 0; i < stage->n_programs; i++) {
		free(stage->programs[i].target);
		free(stage->programs[i].source);
	}
	free(stage->programs);
	needs_done(&stage->needs);
	close_keep_errno(stage->fd);
}

int stage_tell(const struct stage *stage, const char *what)
{
	return stage->progress && stage->progress(stage->data, stage, what) != 0 ? -ECANCELED : 0;
}

void stage_discard(const struct stage *stage)
{
	char parent[PATH_MAX];
	cleanup_close int fd = -EBADF;

	snprintf(parent, sizeof(parent), "%.*s",
		 (int)path_parent_length(stage->path, strlen(stage->path)), stage->path);
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* It is called after a failure, which is the one to tell. */
	if (fd < 0 || folder_remove(fd, path_base(stage->path)) < 0)
		return;
}

/* Open the folder of @target below the stage, making what is missing. Returns a descriptor. */
static int open_folder(const struct stage *stage, const char *target)
{
	cleanup_close int at_fd = fcntl(stage->fd, F_DUPFD_CLOEXEC, 0);
	const char *last = strrchr(target, '/');
	char part[NAME_MAX + 1] = VFS;

	/* Assets and the manifest lie beside VFS. */
	if (*target != '/')
		return -EINVAL;
	for (const char *p = target;;) {
		size_t n = strcspn(p + 1, "/");
		int next;

		if ((mkdirat(at_fd, part, 0755) < 0 && errno != EEXIST) ||
		    (next = openat(at_fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
			return -errno;
		close(at_fd);
		at_fd = next;
		if (p == last)
			return TAKE_FD(at_fd);
		if (n == 0 || n > NAME_MAX || (n <= 2 && strncmp(p + 1, "..", n) == 0))
			return -EINVAL;
		snprintf(part, sizeof(part), "%.*s", (int)n, p + 1);
		p += 1 + n;
	}
}

int stage_create(struct stage *stage, const char *target, bool executable,
		 struct appsilo_error *err)
{
	cleanup_close int folder_fd = open_folder(stage, target);
	cleanup_close int fd = -EBADF;
	int r = folder_fd < 0 ? folder_fd : 0;

	if (r == 0) {
		fd = openat(folder_fd, path_base(target),
			    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : 0;
	}
	/* Whatever the umask says: the package is read by others. */
	if (r == 0 && fchmod(fd, executable ? 0755 : 0644) < 0)
		r = -errno;
	return r < 0 ? say(err, r, target) : TAKE_FD(fd);
}

static int keep_program(struct stage *stage, const char *target, const char *source,
			enum stage_policy policy)
{
	struct stage_program *bigger, p = {.policy = policy};

	bigger = reallocarray(stage->programs, stage->n_programs + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	stage->programs = bigger;
	p.target = strdup(target);
	p.source = strdup(source);
	stage->programs[stage->n_programs++] = p;
	return p.target && p.source ? 0 : -ENOMEM;
}

int stage_settle(struct stage *stage, int fd, const char *target, const char *source,
		 enum stage_policy policy, struct appsilo_error *err)
{
	char magic[SELFMAG];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return say(err, -errno, target);
	stage->files++;
	stage->bytes += (uint64_t)st.st_size;
	if (stage_tell(stage, target) < 0)
		return say(err, -ECANCELED, target);
	if (pread(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, ELFMAG, SELFMAG) != 0)
		return 0;
	return keep_program(stage, target, source, policy) < 0 ? say(err, -ENOMEM, target) : 0;
}

static int copy_bytes(int from_fd, int to_fd)
{
	char buffer[65536];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read(from_fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			r = fd_write_all(to_fd, buffer, (size_t)n);
	}
	return r;
}

/* @from_fd is a regular file. */
static int copy_file(struct stage *stage, int from_fd, const char *source, const char *target,
		     enum stage_policy policy, struct appsilo_error *err)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	int r;

	if (fstat(from_fd, &st) < 0)
		return say(err, -errno, source);
	fd = stage_create(stage, target, st.st_mode & S_IXUSR, err);
	if (fd < 0)
		return fd;
	r = copy_bytes(from_fd, fd);
	if (r < 0)
		return say(err, r, source);
	return stage_settle(stage, fd, target, source, policy, err);
}

int stage_add_file(struct stage *stage, const char *source, const char *target,
		   enum stage_policy policy, struct appsilo_error *err)
{
	cleanup_close int fd = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return say(err, -errno, source);
	if (!S_ISREG(st.st_mode))
		return say(err, -EINVAL, source);
	return copy_file(stage, fd, source, target, policy, err);
}

struct walk {
	struct stage *stage;
	enum stage_policy policy;
	stage_wanted_fn wanted;
	void *data;
	struct appsilo_error *err;
};

static int walk_folder(const struct walk *w, int dir_fd, const char *source, const char *target,
		       int depth);

static int walk_entry(const struct walk *w, int dir_fd, const char *name, const char *source,
		      const char *target, int depth)
{
	char from[PATH_MAX], to[PATH_MAX];
	cleanup_close int fd = -EBADF;
	struct stat st, link;

	if (path_join(source, name, from, sizeof(from)) < 0 ||
	    path_join(target, name, to, sizeof(to)) < 0)
		return say(w->err, -ENAMETOOLONG, source);
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ELOOP))
		return 0; /* a dangling link, a socket */
	if (fd < 0 || fstat(fd, &st) < 0 || fstatat(dir_fd, name, &link, AT_SYMLINK_NOFOLLOW) < 0)
		return say(w->err, -errno, from);
	if (!S_ISREG(st.st_mode) && (!S_ISDIR(st.st_mode) || S_ISLNK(link.st_mode)))
		return 0;
	if (w->wanted && !w->wanted(w->data, name, S_ISDIR(st.st_mode)))
		return 0;
	if (S_ISDIR(st.st_mode))
		return walk_folder(w, fd, from, to, depth + 1);
	return copy_file(w->stage, fd, from, to, w->policy, w->err);
}

/* In the order of names: the same tree gives the same package. */
static int walk_folder(const struct walk *w, int dir_fd, const char *source, const char *target,
		       int depth)
{
	struct dirent **entries;
	int n = depth > STAGE_DEPTH_MAX ? -1 : scandirat(dir_fd, ".", &entries, NULL, alphasort);
	int r = 0;

	if (n < 0)
		return say(w->err, depth > STAGE_DEPTH_MAX ? -ELOOP : -errno, source);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (r == 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			r = walk_entry(w, dir_fd, name, source, target, depth);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int stage_add_tree(struct stage *stage, const char *source, const char *target,
		   enum stage_policy policy, stage_wanted_fn wanted, void *data,
		   struct appsilo_error *err)
{
	const struct walk w = {stage, policy, wanted, data, err};
	cleanup_close int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? say(err, -errno, source) : walk_folder(&w, fd, source, target, 0);
}

int stage_add_text(struct stage *stage, const char *target, const void *text, size_t size,
		   bool executable, struct appsilo_error *err)
{
	cleanup_close int fd = stage_create(stage, target, executable, err);
	int r = fd < 0 ? fd : fd_write_all(fd, text, size);

	if (fd < 0)
		return r;
	return r < 0 ? say(err, r, target)
		     : stage_settle(stage, fd, target, target, STAGE_NEEDED, err);
}

int stage_add_link(struct stage *stage, const char *target, const char *to,
		   struct appsilo_error *err)
{
	cleanup_close int folder_fd = open_folder(stage, target);
	int r = folder_fd < 0 ? folder_fd : 0;

	if (r == 0 && symlinkat(to, folder_fd, path_base(target)) < 0)
		r = -errno;
	return r < 0 ? say(err, r, target) : 0;
}

bool stage_has(const struct stage *stage, const char *target)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), VFS "%s", target) < (int)sizeof(path) &&
	       faccessat(stage->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
