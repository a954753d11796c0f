/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tmpfs that nobody can change carries what we make up: the root itself, /etc, /dev, the way to grants.
 * A second, sized one carries the private writable places. Destinations are only ever reached from the held root
 * descriptor, component by component, without following links; sources are resolved in
 * the old root, which the app never had a hand in.
 */
#include "isolation/root.h"

#include "base/fd.h"
#include "base/pin.h"
#include "isolation/control.h"
#include "isolation/dev.h"
#include "isolation/etc.h"
#include "isolation/idmap.h"
#include "isolation/kernel.h"
#include "isolation/tree.h"
#include <inttypes.h>
#include <linux/magic.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#define SAFE (K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV)

static const char *const system_places[] = {"usr",   "bin",   "sbin",	"lib",
					    "lib32", "lib64", "libx32", NULL};
/* Where mounts are attached only while pieces of them are bound elsewhere: a folder of the
 * old root that every procfs has, so that they leave together with the old root. Each unmount
 * of its own would wait for a grace period of the kernel, up to a millisecond. */
#define PARK "/proc/fs"
#define PARKED_VIEW "view"
#define PARKED_PACKAGE "package"

/* Directories on the way to a grant: searchable, not listable. */
#define WAY_MODE 0111

/* What the building steps share. */
struct builder {
	struct plan *plan;
	int root_fd;
	int private_fd; /* the private places' tmpfs, parked */
	int package_fd; /* the package, parked there; -EBADF without one */
	int nobody_fd;	/* idmap_nobody(); negative: not to be had */
};

static void builder_done(struct builder *b)
{
	close_keep_errno(b->root_fd);
	close_keep_errno(b->private_fd);
	close_keep_errno(b->package_fd);
	close_keep_errno(b->nobody_fd);
}

/* Private and writable: name in the private tmpfs, place in the view. */
static const struct {
	const char *name, *path;
	mode_t mode;
} private_places[] = {
	{"tmp", "/tmp", 01777},
	{"vartmp", "/var/tmp", 01777},
	{"shm", "/dev/shm", 01777},
	{"run", "/run", 0755},
};

/* The package's own files over the system's. Their layer is named from the held directory:
 * an option's value has a length limit, and nothing can be exchanged on the way. */
static int overlay_package(int package_fd, const char *path)
{
	char lower[96];
	const char *options[] = {"lowerdir", lower, NULL};

	if (fchdir(package_fd) < 0)
		return -errno;
	snprintf(lower, sizeof(lower), "VFS%s:%s", path, path);
	return tree_new_fs("overlay", options, SAFE | K_MOUNT_ATTR_RDONLY);
}

static int add_overlay(const struct builder *b, const char *name, struct appsilo_error *err)
{
	char path[32];
	cleanup_close int tree_fd = -EBADF;
	int r;

	snprintf(path, sizeof(path), "/%s", name);
	tree_fd = overlay_package(b->package_fd, path);
	if (tree_fd < 0)
		return error_set(err, tree_fd,
				 "root: lay the package over %s; unprivileged overlay mounts need "
				 "Linux 5.11 or newer", path);
	r = tree_place_at(tree_fd, b->root_fd, name, 0755, 0);
	return r < 0 ? error_set(err, r, "root: mount %s", path) : 0;
}

static bool package_has(const struct builder *b, const char *name)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "VFS/%s", name);
	return b->package_fd >= 0 &&
	       fstatat(b->package_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int add_system_place(const struct builder *b, const char *name, struct appsilo_error *err)
{
	char path[32], target[256];
	cleanup_close int tree_fd = -EBADF;
	int root_fd = b->root_fd;
	struct stat st;
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/%s", name);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, -errno, "root: %s", path);
	if (S_ISDIR(st.st_mode) && package_has(b, name))
		return add_overlay(b, name, err);
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return error_set(err, -errno, "root: %s", path);
		target[n] = '\0';
		if (symlinkat(target, root_fd, name) < 0)
			return error_set(err, -errno, "root: link %s", path);
		return 0;
	}
	tree_fd = tree_clone_as(AT_FDCWD, path, SAFE | K_MOUNT_ATTR_RDONLY);
	if (tree_fd < 0)
		return error_set(err, tree_fd, "root: clone %s", path);
	r = tree_place_at(tree_fd, root_fd, name, 0755, 0);
	return r < 0 ? error_set(err, r, "root: mount %s", path) : 0;
}

static int add_proc(int root_fd, struct appsilo_error *err)
{
	cleanup_close int proc_fd = tree_new_fs("proc", NULL, SAFE | K_MOUNT_ATTR_NOEXEC);
	int r;

	if (proc_fd < 0)
		return error_set(err, proc_fd,
				 "root: mount /proc; this host masks parts of /proc (a container?): "
				 "run appsilo outside it or unmask /proc");
	r = tree_place_at(proc_fd, root_fd, "proc", 0755, 0);
	return r < 0 ? error_set(err, r, "root: mount /proc") : 0;
}

static int park_private(struct builder *b, int park_fd, struct appsilo_error *err)
{
	uint64_t disk_bytes = b->plan->limits.disk_bytes;
	char size[32];
	const char *options[] = {"mode", "0755", "size", size, NULL};
	int r;

	snprintf(size, sizeof(size), "%" PRIu64, disk_bytes);
	if (!disk_bytes)
		options[2] = NULL;
	r = b->private_fd = tree_new_fs("tmpfs", options, SAFE);
	if (r >= 0)
		r = tree_move(b->private_fd, park_fd);
	return r < 0 ? error_set(err, r, "root: mount the private places") : 0;
}

/* An overlay takes its layers from mounts of its own mount namespace only. */
static int park_package(struct builder *b, struct appsilo_error *err)
{
	const struct plan_mount *m = &b->plan->package;
	int r = b->package_fd = m->tree_fd >= 0 ? fcntl(m->tree_fd, F_DUPFD_CLOEXEC, 3)
						: tree_clone(AT_FDCWD, m->path);

	if (r >= 0)
		r = tree_attributes(b->package_fd, SAFE | K_MOUNT_ATTR_RDONLY, 0);
	if (r == 0)
		r = tree_place_at(b->package_fd, b->private_fd, PARKED_PACKAGE, 0700, 0);
	return r < 0 ? error_set(err, r, "root: package %s", m->path) : 0;
}

static int show_package(const struct builder *b, struct appsilo_error *err)
{
	cleanup_close int tree_fd = tree_clone(b->package_fd, "");
	int r = tree_fd < 0 ? tree_fd
			    : tree_place(tree_fd, b->root_fd, b->plan->package.path, WAY_MODE, 0);

	return r < 0 ? error_set(err, r, "root: package %s", b->plan->package.path) : 0;
}

static bool is_top_level(const char *path)
{
	return !strchr(path + 1, '/');
}

static int add_private(const struct builder *b, struct appsilo_error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(private_places); i++) {
		const char *name = private_places[i].name;
		cleanup_close int tree_fd = -EBADF;
		int r = 0;

		if (mkdirat(b->private_fd, name, 0755) < 0 ||
		    fchmodat(b->private_fd, name, private_places[i].mode, 0) < 0)
			r = -errno;
		if (r == 0)
			r = tree_fd = tree_clone(b->private_fd, name);
		if (r >= 0)
			r = tree_place(tree_fd, b->root_fd, private_places[i].path, WAY_MODE, 0);
		/* Below a brokered folder only what the host has can be covered. */
		if (r < 0 && r != -EROFS)
			return error_set(err, r, "root: mount %s", private_places[i].path);
	}
	return 0;
}

/* Links above the profile are the user's; a grant names the folder itself. */
static int clone_mount(const struct plan *plan, const struct plan_mount *m)
{
	return strcmp(m->path, plan->home) == 0 ? tree_clone(AT_FDCWD, m->path)
						: tree_clone_straight(m->path);
}

static int add_mount(const struct plan *plan, int root_fd, const struct plan_mount *m,
		     struct appsilo_error *err)
{
	cleanup_close int own_fd = -EBADF;
	int tree_fd = m->tree_fd;
	struct stat st;
	int r;

	if (tree_fd < 0) {
		own_fd = clone_mount(plan, m);
		if (own_fd < 0)
			return error_set(err, own_fd,
					 "grant: cannot open %s; if a link took its place, "
					 "remove it or grant its target", m->path);
		tree_fd = own_fd;
	}
	r = tree_attributes(tree_fd, SAFE | (m->kind == PLAN_READ ? K_MOUNT_ATTR_RDONLY : 0), 0);
	if (r < 0)
		return error_set(err, r, "grant: mount flags of %s", m->path);
	if (fstat(tree_fd, &st) < 0)
		return error_set(err, -errno, "grant: %s", m->path);
	r = tree_place(tree_fd, root_fd, m->path, WAY_MODE, !S_ISDIR(st.st_mode));
	return r < 0 ? error_set(err, r, "grant: mount %s", m->path) : 0;
}

/* One that is there, as the way to something, is also what else it is to be. */
static int make_folder(int dir_fd, const char *name, mode_t mode)
{
	struct stat st, folder;

	if (mkdirat(dir_fd, name, mode) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstat(dir_fd, &folder) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_dev != folder.st_dev || (st.st_mode | mode) == st.st_mode)
		return 0;
	return fchmodat(dir_fd, name, (st.st_mode | mode) & 07777, 0) < 0 ? -errno : 0;
}

static int make_placeholder(int dir_fd, const struct plan_placeholder *p, const char *name)
{
	int r;

	if (!p->target && S_ISDIR(p->mode))
		return make_folder(dir_fd, name, p->mode & 07777);
	if (p->target)
		r = symlinkat(p->target, dir_fd, name);
	else
		r = mknodat(dir_fd, name, S_IFREG | (p->mode & 07777), 0);
	return r < 0 && errno != EEXIST ? -errno : 0;
}

/* Placeholders of one folder stand together: its descriptor is kept for the next. */
static int add_placeholders(int root_fd, const struct plan *plan, struct appsilo_error *err)
{
	cleanup_close int dir_fd = -EBADF;
	const char *folder = NULL;
	struct statfs fs = {0};
	size_t length = 0;

	for (size_t i = 0; i < plan->n_placeholders; i++) {
		const struct plan_placeholder *p = &plan->placeholders[i];
		const char *slash = strrchr(p->path, '/');
		size_t n = (size_t)(slash - p->path);
		char parent[PATH_MAX];
		int r = 0;

		if (!folder || n != length || memcmp(folder, p->path, n) != 0) {
			snprintf(parent, sizeof(parent), "%.*s", (int)n, p->path);
			close_keep_errno(dir_fd);
			dir_fd = tree_make(root_fd, parent, WAY_MODE, 0);
			folder = p->path;
			length = n;
			r = dir_fd < 0 ? dir_fd : fstatfs(dir_fd, &fs) < 0 ? -errno : 0;
		}
		/* Not through the brokered view: on the host, which has it anyway. */
		if (r == 0 && fs.f_type == TMPFS_MAGIC)
			r = make_placeholder(dir_fd, p, slash + 1);
		if (r < 0)
			return error_set(err, r, "root: placeholder %s", p->path);
	}
	return 0;
}

/* Bind one brokered place out of the FUSE mount. */
static int add_brokered_place(const struct builder *b, const char *path, struct appsilo_error *err)
{
	cleanup_close int source_fd =
		k_openat2(b->plan->fuse_fd, path + 1, O_PATH | O_CLOEXEC | O_NOFOLLOW,
			  K_RESOLVE_NO_SYMLINKS | K_RESOLVE_BENEATH);
	cleanup_close int tree_fd = -EBADF;
	struct k_statx st;
	int r;

	if (source_fd < 0)
		return errno == ENOENT ? 0 : error_set(err, -errno, "root: brokered %s", path);
	tree_fd = tree_clone(source_fd, "");
	if (tree_fd < 0)
		return error_set(err, tree_fd, "root: clone brokered %s", path);
	/* The type is known without asking the broker again. */
	if (k_statx(tree_fd, "", K_AT_EMPTY_PATH | K_AT_STATX_DONT_SYNC, K_STATX_TYPE, &st) < 0)
		return error_set(err, -errno, "root: brokered %s", path);
	if (is_top_level(path))
		r = tree_place_at(tree_fd, b->root_fd, path + 1, 0755, !S_ISDIR(st.mode));
	else
		r = tree_place(tree_fd, b->root_fd, path, 0755, !S_ISDIR(st.mode));
	return r < 0 ? error_set(err, r, "root: mount brokered %s", path) : 0;
}

/* @top_level: the folders of the host's root, which carry private places (/var/tmp); else
 * those below private places, which they carry (/tmp/project). */
static int add_brokered(const struct builder *b, bool top_level, struct appsilo_error *err)
{
	const struct plan *plan = b->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_brokered; i++)
		if (is_top_level(plan->brokered[i]) == top_level)
			r = add_brokered_place(b, plan->brokered[i], err);
	return r;
}

static int new_root(struct builder *b, struct appsilo_error *err)
{
	static const char *const options[] = {"mode", "0755", NULL};
	cleanup_close int target_fd = -EBADF, park_fd = -EBADF;
	int r;

	/* Nothing that happens to the host's mounts later may come in, nothing may go out. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set(err, -errno, "root: make mounts private");
	r = b->root_fd = tree_new_fs("tmpfs", options, SAFE);
	if (r < 0)
		return error_set(err, r, "root: mount tmpfs");
	park_fd = open(PARK, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Any directory serves to attach it: pivot_root needs the new root in the tree. */
	target_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = target_fd < 0 || park_fd < 0 ? -errno : tree_move(b->root_fd, target_fd);
	if (r < 0)
		return error_set(err, r, "root: attach the new root below /proc");
	r = park_private(b, park_fd, err);
	return r < 0 || !b->plan->package.path ? r : park_package(b, err);
}

/* A file that mode and mount let us write, but that is outside the view and of every
 * Landlock rule: whoever can open it is not fenced in. */
static int make_canary(const struct builder *b, int *ret_fd, struct appsilo_error *err)
{
	int fd = tree_make(b->private_fd, "canary", 0600, 1);

	if (fd < 0)
		return error_set(err, fd, "root: canary");
	*ret_fd = fd;
	return 0;
}

/* Neither side follows a link: what is shown, and where, is what the rule names. */
static int attach(const struct builder *b, const char *path, bool writable)
{
	const uint64_t resolve = K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS;
	cleanup_close int source_fd =
		k_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, resolve);
	cleanup_close int target_fd = k_openat2(
		b->root_fd, path + 1, O_PATH | O_DIRECTORY | O_CLOEXEC, resolve | K_RESOLVE_BENEATH);
	cleanup_close int tree_fd = -EBADF;

	if (source_fd < 0 || target_fd < 0)
		return -errno;
	tree_fd = tree_clone_as(source_fd, "", SAFE | (writable ? 0 : K_MOUNT_ATTR_RDONLY));
	return tree_fd < 0 ? tree_fd : tree_move(tree_fd, target_fd);
}

/* The broker knows by now what its rules allow. What cannot be attached stays brokered. */
static int add_attachments(const struct builder *b, struct root_built *ret)
{
	struct appsilo_error ignored; /* of a place that is no more */
	struct control_message m;
	int fds[FD_PASS_MAX];

	for (int n = 0;;) {
		if (fd_receive(b->plan->control_fd, &m, sizeof(m), 0, fds) != sizeof(m))
			return -EPIPE;
		if (m.kind == CONTROL_BUILD)
			break;
		if (m.kind == CONTROL_BROKER) {
			(void)!add_brokered_place(b, m.text, &ignored);
			continue;
		}
		if (m.kind != CONTROL_ATTACH || n >= CONTROL_ATTACH_MAX)
			return -EPROTO;
		if (attach(b, m.text, m.value) == 0)
			ret->attached |= 1u << n;
		n++;
	}
	ret->go = m.value & CONTROL_BUILD_GO;
	ret->report = m.value & CONTROL_BUILD_REPORT;
	b->plan->n_loopback = m.status < 0 || m.status > NET_LOOPBACK_MAX ? 0 : (size_t)m.status;
	memcpy(b->plan->loopback, m.text, sizeof(b->plan->loopback));
	return 0;
}

static int add_user_places(const struct builder *b, struct root_built *ret,
			   struct appsilo_error *err)
{
	const struct plan *plan = b->plan;
	struct pin pin;
	int r = 0;

	/* The FUSE mount is attached only while its folders are bound. */
	if (plan->fuse_fd >= 0)
		r = tree_place_at(plan->fuse_fd, b->private_fd, PARKED_VIEW, 0700, 0);
	if (r < 0)
		return error_set(err, r, "root: attach the brokered view");
	pin_to(&pin, plan->fuse_fd >= 0 ? plan->start_cpu : -1);
	r = add_brokered(b, true, err);
	if (r == 0)
		r = add_private(b, err);
	if (r == 0)
		r = add_brokered(b, false, err);
	if (r == 0)
		r = add_placeholders(b->root_fd, plan, err);
	if (r == 0 && b->package_fd >= 0)
		r = show_package(b, err);
	for (size_t i = 0; r == 0 && i < plan->n_mounts; i++)
		r = add_mount(plan, b->root_fd, &plan->mounts[i], err);
	if (r == 0 && plan->fuse_fd >= 0 && (r = add_attachments(b, ret)) < 0)
		error_set(err, r, "root: the broker's list of folders");
	pin_release(&pin);
	return r;
}

/* What we made up is nobody's: a copy of the finished tree whose root shows no owner. To change
 * it is refused with EACCES, as what is denied is to be; a read-only mount would say EROFS. */
static int disown(struct builder *b)
{
	struct k_mount_attr nobodys = {.attr_set = SAFE | K_MOUNT_ATTR_IDMAP,
				       .userns_fd = (uint64_t)b->nobody_fd};
	cleanup_close int tree_fd = b->nobody_fd < 0 ? b->nobody_fd : tree_clone(b->root_fd, "");
	int r;

	if (tree_fd < 0)
		return tree_fd;
	if (k_mount_setattr(tree_fd, "", K_AT_EMPTY_PATH, &nobodys) < 0)
		return -errno;
	r = tree_move(tree_fd, b->root_fd);
	if (r < 0)
		return r;
	close(b->root_fd);
	b->root_fd = TAKE_FD(tree_fd);
	return 0;
}

/* Not to be changed, while it is still ours alone; then the old root is stacked below the new one. */
static int pivot(struct builder *b, struct appsilo_error *err)
{
	struct k_mount_attr read_only = {.attr_set = SAFE | K_MOUNT_ATTR_RDONLY};
	int root_fd;

	if (disown(b) < 0 && k_mount_setattr(b->root_fd, "", K_AT_EMPTY_PATH, &read_only) < 0)
		return error_set(err, -errno, "root: make it read-only");
	root_fd = b->root_fd;
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return error_set(err, -errno, "root: pivot");
	/* The current directory names the old root; from here on it is this thread's own. */
	return unshare(CLONE_FS) < 0 ? error_set(err, -errno, "root: own directories") : 0;
}

int root_leave_old(struct appsilo_error *err)
{
	if (umount2(".", MNT_DETACH) < 0)
		return error_set(err, -errno, "root: leave the old root");
	return 0;
}

/* What every sandbox has, whatever the rest of the plan says. */
static int add_common_places(const struct builder *b, struct appsilo_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && system_places[i]; i++)
		r = add_system_place(b, system_places[i], err);
	if (r == 0)
		r = dev_fill(b->root_fd, err);
	return r == 0 ? add_proc(b->root_fd, err) : r;
}

/* The launcher fills in the rest of its plan meanwhile, in the memory that we share, and says so. */
static int complete(struct plan *plan, struct appsilo_error *err)
{
	const struct plan *full = plan->launchers;
	int fds[FD_PASS_MAX];
	char done;
	ssize_t n = plan->partial ? fd_receive(plan->control_fd, &done, 1, 0, fds) : 0;

	if (!plan->partial)
		return 0;
	if (n != 1)
		return error_set(err, n < 0 ? (int)n : -EPIPE, "root: wait for the plan");
	if (fds[0] >= 0)
		plan->net_fd = fds[0];
	plan->exe = full->exe;
	plan->argv = full->argv;
	plan->envp = full->envp;
	plan->cwd = full->cwd;
	plan->home = full->home;
	plan->user_name = full->user_name;
	plan->mounts = full->mounts;
	plan->n_mounts = full->n_mounts;
	plan->placeholders = full->placeholders;
	plan->n_placeholders = full->n_placeholders;
	memcpy(plan->loopback, full->loopback, sizeof(plan->loopback));
	plan->n_loopback = full->n_loopback;
	return 0;
}

int root_enter(struct plan *plan, struct root_built *ret, struct appsilo_error *err)
{
	cleanup(builder_done) struct builder b = {
		.plan = plan, .root_fd = -EBADF, .private_fd = -EBADF, .package_fd = -EBADF};
	int r;

	/* With a broker nothing but the root itself is made up; a start would take 2 ms longer. */
	b.nobody_fd = plan->nest || plan->fuse_fd >= 0 ? -EBADF : idmap_nobody();
	r = new_root(&b, err);
	if (r == 0)
		r = add_common_places(&b, err);
	if (r == 0)
		r = complete(plan, err);
	if (r == 0)
		r = etc_fill(b.root_fd, plan, err);
	if (r == 0 && package_has(&b, "etc"))
		r = etc_add_package(b.root_fd, b.package_fd, err);
	if (r == 0)
		r = add_user_places(&b, ret, err);
	if (r == 0)
		r = make_canary(&b, &ret->canary_fd, err);
	return r < 0 ? r : pivot(&b, err);
}
