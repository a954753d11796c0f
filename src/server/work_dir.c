/* SPDX-License-Identifier: Apache-2.0 */
#include "server/work_dir.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "isolation/kernel.h"
#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define BELOW (K_RESOLVE_BENEATH | K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS)
#define INODES_PER_MIB 64
#define INODES_MIN 1024

/* As an ordinary user we may mount only where a user namespace makes us the owner. */
static int own_user_namespace(uid_t uid, gid_t gid)
{
	char map[64];
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	r = fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (r == 0)
		r = fd_write_file(AT_FDCWD, "/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	return r == 0 ? fd_write_file(AT_FDCWD, "/proc/self/gid_map", map) : r;
}

static int mount_memory(const char *path, uint64_t size_bytes, uint64_t inodes)
{
	cleanup_close int fs_fd = k_fsopen("tmpfs");
	cleanup_close int mount_fd = -EBADF;
	char size[32], count[32];

	snprintf(size, sizeof(size), "%" PRIu64, size_bytes);
	snprintf(count, sizeof(count), "%" PRIu64, inodes);
	if (fs_fd < 0 || k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "nr_inodes", count, 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "mode", "0700", 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount_fd = k_fsmount(fs_fd, K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV);
	if (mount_fd < 0 ||
	    k_move_mount(mount_fd, "", AT_FDCWD, path, K_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

int work_dir_setup(const char *place, struct appsilo_error *err)
{
	int r = 0;

	if (geteuid() != 0)
		r = own_user_namespace(geteuid(), getegid());
	else if (unshare(CLONE_NEWNS) < 0)
		r = -errno;
	if (r == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		r = -errno;
	if (r == 0)
		r = mount_memory(place, 16 << 20, 65536);
	return r < 0 ? error_set(err, r, "serve: a file system for runs at %s; run appsilo doctor", place)
		     : 0;
}

const char *work_dir_place(const char *const *kept)
{
	static const char *const places[] = {"/mnt", "/media", "/srv", "/tmp"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct stat st;
		bool hides = lstat(places[i], &st) < 0 || !S_ISDIR(st.st_mode);

		for (const char *const *one = kept; *one; one++)
			hides |= path_is_under(*one, places[i]);
		if (!hides)
			return places[i];
	}
	return NULL;
}

static uint64_t inodes_for(uint64_t size_bytes)
{
	uint64_t n = (size_bytes >> 20) * INODES_PER_MIB;

	return n < INODES_MIN ? INODES_MIN : n;
}

int work_dir_open(const char *base, const char *name, uint64_t size_bytes, struct work_dir *ret,
		  struct appsilo_error *err)
{
	int r;

	ret->work_fd = -EBADF;
	if (snprintf(ret->path, sizeof(ret->path), "%s/%s", base, name) >= PATH_MAX - 8)
		return error_say(err, -ENAMETOOLONG, "serve: %s is too long a path", base);
	snprintf(ret->work_path, sizeof(ret->work_path), "%.*s/work", PATH_MAX - 8, ret->path);
	snprintf(ret->data_path, sizeof(ret->data_path), "%.*s/data", PATH_MAX - 8, ret->path);
	if (mkdir(ret->path, 0700) < 0)
		return error_set(err, -errno, "serve: make %s", ret->path);
	r = mount_memory(ret->path, size_bytes, inodes_for(size_bytes));
	if (r == 0 && (mkdir(ret->work_path, 0755) < 0 || mkdir(ret->data_path, 0700) < 0))
		r = -errno;
	if (r == 0)
		ret->work_fd = open(ret->work_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r == 0 && ret->work_fd >= 0)
		return 0;
	r = r < 0 ? r : -errno;
	work_dir_close(ret);
	return error_set(err, r, "serve: a file system for a run");
}

void work_dir_close(struct work_dir *w)
{
	int saved = errno;

	if (!w->path[0])
		return;
	close_keep_errno(TAKE_FD(w->work_fd));
	(void)umount2(w->path, MNT_DETACH);
	(void)rmdir(w->path);
	w->path[0] = '\0';
	errno = saved;
}

static bool is_component(const char *name, size_t length)
{
	if (length == 0 || length > NAME_MAX || (length == 1 && name[0] == '.') ||
	    (length == 2 && name[0] == '.' && name[1] == '.'))
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

bool work_dir_is_name(const char *name, size_t length)
{
	size_t depth = 0;

	if (length == 0 || length > WORK_NAME_MAX || !text_is_utf8(name, length))
		return false;
	for (size_t at = 0; at <= length; depth++) {
		const char *slash = memchr(name + at, '/', length - at);
		size_t n = slash ? (size_t)(slash - name) - at : length - at;

		if (!is_component(name + at, n))
			return false;
		at += n + 1;
	}
	return depth <= WORK_DEPTH_MAX;
}

/* Where the run was given its files (idmap_give()), what is put beside them later is its own, too. */
static int give_as_folder(int dir_fd, int fd)
{
	struct stat st;

	if (fstat(dir_fd, &st) < 0)
		return -errno;
	return st.st_uid == geteuid() || fchown(fd, st.st_uid, st.st_gid) == 0 ? 0 : -errno;
}

/* The folder that @name lies in, made when missing; *ret_base is what is left of the name. */
static int open_parent(int root_fd, const char *name, bool make, const char **ret_base)
{
	cleanup_close int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	const char *slash;

	while (fd >= 0 && (slash = strchr(name, '/'))) {
		char part[NAME_MAX + 1];
		bool made;
		int next;

		snprintf(part, sizeof(part), "%.*s", (int)(slash - name), name);
		made = make && mkdirat(fd, part, 0755) == 0;
		if (make && !made && errno != EEXIST)
			return -errno;
		next = k_openat2(fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC, BELOW);
		if (next < 0)
			return -errno;
		if (made && give_as_folder(fd, next) < 0) {
			close_keep_errno(next);
			return -errno;
		}
		close(fd);
		fd = next;
		name = slash + 1;
	}
	*ret_base = name;
	return fd < 0 ? -errno : TAKE_FD(fd);
}

static int fill(int dir_fd, int fd, const void *data, size_t size)
{
	int r = fd_write_all(fd, data, size);

	return r == 0 ? give_as_folder(dir_fd, fd) : r;
}

/* What is there goes only once the new one is whole, and may be anything but a folder. */
static int replace(int dir_fd, const char *base, const void *data, size_t size, mode_t mode)
{
	cleanup_close int fd = openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
	char path[32];
	int r = fd < 0 ? -errno : fill(dir_fd, fd, data, size);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return unlinkat(dir_fd, base, 0) < 0 || linkat(AT_FDCWD, path, dir_fd, base, AT_SYMLINK_FOLLOW) < 0 ? -errno
													    : 0;
}

int work_dir_write(const struct work_dir *w, const char *name, const void *data, size_t size,
		   bool executable)
{
	const char *base;
	cleanup_close int dir_fd = open_parent(w->work_fd, name, true, &base);
	cleanup_close int fd = -EBADF;
	mode_t mode = executable ? 0755 : 0644;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	/* Made anew under this name, whatever was there: never written through a link. */
	fd = openat(dir_fd, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return errno == EEXIST ? replace(dir_fd, base, data, size, mode) : -errno;
	r = fill(dir_fd, fd, data, size);
	if (r < 0)
		(void)unlinkat(dir_fd, base, 0);
	return r;
}

int work_dir_remove(const struct work_dir *w, const char *name)
{
	const char *base;
	cleanup_close int dir_fd = open_parent(w->work_fd, name, false, &base);

	if (dir_fd < 0)
		return dir_fd;
	return unlinkat(dir_fd, base, 0) < 0 ? -errno : 0;
}

/* A pipe that was put there would block the open, a device is not allowed: not regular. */
static int read_regular(int dir_fd, const char *name, size_t max_bytes, struct work_file *ret)
{
	cleanup_close int fd =
		k_openat2(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, BELOW);
	cleanup_free char *data = NULL;
	size_t used = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max_bytes)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	while (used < (size_t)st.st_size) {
		ssize_t n = read(fd, data + used, (size_t)st.st_size - used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	ret->size = used;
	ret->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	ret->data = TAKE_PTR(data);
	return 0;
}

int work_dir_read(const struct work_dir *w, const char *name, size_t max_bytes,
		  struct work_file *ret)
{
	int r;

	*ret = (struct work_file){.name = strdup(name)};
	r = ret->name ? read_regular(w->work_fd, name, max_bytes, ret) : -ENOMEM;
	if (r < 0)
		work_file_done(ret);
	return r;
}

struct collecting {
	size_t left_bytes, visited;
	bool names_only;
	bool (*wanted)(void *data, const char *name);
	void *data;
	struct work_files *ret;
};

static int keep(struct collecting *c, int dir_fd, const char *base, const char *name)
{
	struct work_file file = {0}, *bigger;
	struct stat st;
	int r = 0;

	if (!c->wanted(c->data, name))
		return 0;
	if (c->ret->n == WORK_FILES_MAX) {
		c->ret->cut = true;
		return 0;
	}
	if (c->names_only && fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		file.size = (size_t)st.st_size;
	else
		r = read_regular(dir_fd, base, c->left_bytes, &file);
	if (r == -EFBIG)
		c->ret->cut = true;
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	file.name = strdup(name);
	bigger = file.name ? reallocarray(c->ret->all, c->ret->n + 1, sizeof(*bigger)) : NULL;
	if (!bigger) {
		work_file_done(&file);
		return -ENOMEM;
	}
	c->left_bytes -= c->names_only ? 0 : file.size;
	c->ret->all = bigger;
	c->ret->all[c->ret->n++] = file;
	return 0;
}

static int collect_folder(struct collecting *c, int dir_fd, const char *prefix, int depth)
{
	int scan_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = scan_fd < 0 ? NULL : fdopendir(scan_fd);
	struct dirent *entry;

	if (!dir) {
		close_keep_errno(scan_fd);
		return 0;
	}
	while (r == 0 && (entry = readdir(dir))) {
		char name[WORK_NAME_MAX + 1];
		int n = snprintf(name, sizeof(name), "%s%s", prefix, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (++c->visited > WORK_VISIT_MAX || n >= (int)sizeof(name) ||
		    (entry->d_type == DT_DIR && depth == WORK_DEPTH_MAX)) {
			c->ret->cut = true;
			if (c->visited > WORK_VISIT_MAX)
				break;
			continue;
		}
		/* A name that is no text cannot be said in JSON. */
		if (!text_is_utf8(name, (size_t)n)) {
			c->ret->cut = true;
			continue;
		}
		if (entry->d_type == DT_REG) {
			r = keep(c, dir_fd, entry->d_name, name);
		} else if (entry->d_type == DT_DIR && n < WORK_NAME_MAX) {
			cleanup_close int fd = k_openat2(dir_fd, entry->d_name,
							 O_RDONLY | O_DIRECTORY | O_CLOEXEC, BELOW);

			strcat(name, "/");
			if (fd >= 0)
				r = collect_folder(c, fd, name, depth + 1);
		}
	}
	closedir(dir);
	return r;
}

int work_dir_collect(const struct work_dir *w, size_t max_bytes, bool names_only,
		     bool (*wanted)(void *data, const char *name), void *data,
		     struct work_files *ret)
{
	struct collecting c = {.left_bytes = max_bytes, .names_only = names_only, .wanted = wanted,
			       .data = data, .ret = ret};

	*ret = (struct work_files){0};
	return collect_folder(&c, w->work_fd, "", 1);
}

void work_file_done(struct work_file *f)
{
	free(f->name);
	free(f->data);
	*f = (struct work_file){0};
}

void work_files_done(struct work_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		work_file_done(&f->all[i]);
	free(f->all);
	*f = (struct work_files){0};
}
