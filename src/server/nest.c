/* SPDX-License-Identifier: Apache-2.0 */
#include "server/nest.h"

#include "base/fd.h"
#include "isolation/confine.h"
#include "isolation/init.h"
#include "isolation/kernel.h"
#include "isolation/landlock.h"
#include "isolation/procfs.h"
#include "isolation/tree.h"
#include "isolation/zygote.h"
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#define SAFE (K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV)
/* One for each so many bytes of the private places: empty files cost memory too. */
#define BYTES_PER_INODE 4096

/* Where memory is short, a run goes before its server. */
#define OOM_SCORE "500"

/* Where the private places' file system is attached: its own "run" covers it at last. */
#define CARRIER "/run"
#define CANARY CARRIER "/canary"

static const struct {
	const char *name, *path; /* in the private file system; in the view */
	mode_t mode;
} places[] = {
	{CARRIER "/tmp", "/tmp", 01777},     {CARRIER "/vartmp", "/var/tmp", 01777},
	{CARRIER "/shm", "/dev/shm", 01777}, {CARRIER "/home", ZYGOTE_HOME, 0755},
	{CARRIER "/run", CARRIER, 0755},
};

static int cover(int tree_fd, const char *path)
{
	if (k_move_mount(tree_fd, "", AT_FDCWD, path, K_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int cover_with_new(const char *type, const char *const *options, unsigned int attributes,
			  const char *path)
{
	cleanup_close int fd = tree_new_fs(type, options, attributes);

	return fd < 0 ? fd : cover(fd, path);
}

/* Whoever can open it for writing is not fenced in: mode and mount would let it be written. */
static int make_canary(int *ret_fd)
{
	int fd = open(CANARY, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	*ret_fd = open(CANARY, O_PATH | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

static int add_private(const struct nest *nest, int *ret_canary_fd, struct appsilo_error *err)
{
	char size[24], inodes[24];
	const char *options[] = {"mode", "0755", "size", size, "nr_inodes", inodes, NULL};
	int r;

	snprintf(size, sizeof(size), "%" PRIu64, nest->disk_bytes);
	snprintf(inodes, sizeof(inodes), "%" PRIu64, nest->disk_bytes / BYTES_PER_INODE + 64);
	r = cover_with_new("tmpfs", options, SAFE, CARRIER);
	if (r == 0)
		r = make_canary(ret_canary_fd);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++) {
		cleanup_close int tree_fd = -EBADF;

		if (mkdir(places[i].name, places[i].mode) < 0 ||
		    chmod(places[i].name, places[i].mode) < 0)
			r = -errno;
		if (r == 0)
			r = tree_fd = tree_clone(AT_FDCWD, places[i].name);
		if (r >= 0)
			r = cover(tree_fd, places[i].path);
	}
	return r < 0 ? error_set(err, r, "sandbox: mount the private places") : 0;
}

static int add_kernel_places(struct appsilo_error *err)
{
	static const char *const pts[] = {"newinstance", NULL,	 "ptmxmode", "0666",
					  "mode",	 "0620", NULL};
	int r = cover_with_new("proc", NULL, SAFE | K_MOUNT_ATTR_NOEXEC, "/proc");

	if (r < 0)
		return error_set(err, r, "sandbox: mount /proc");
	r = cover_with_new("devpts", pts, K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NOEXEC, "/dev/pts");
	return r < 0 ? error_set(err, r, "sandbox: mount /dev/pts") : 0;
}

/* Libraries that ask for their pid to find out that they were forked (OpenSSL's random
 * numbers) must not find the zygote's. */
static int choose_pid(unsigned int first_pid, struct appsilo_error *err)
{
	char text[16];
	int r;

	snprintf(text, sizeof(text), "%u", first_pid - 1);
	r = procfs_write_at("/proc/sys/kernel/ns_last_pid", text);
	return r < 0 ? error_set(err, r, "sandbox: choose the pid (ns_last_pid)") : 0;
}

static int landlock(int *ret_fd)
{
	int abi = landlock_abi(), r;
	cleanup_close int fd = abi < 0 ? abi : landlock_new(abi, false);

	r = fd < 0 ? fd : landlock_allow(fd, abi, "/", LANDLOCK_SEE);
	if (r == 0)
		r = landlock_allow(fd, abi, "/dev", LANDLOCK_DEVICE);
	if (r == 0)
		r = landlock_allow(fd, abi, "/proc", LANDLOCK_DEVICE);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(places); i++)
		r = landlock_allow(fd, abi, places[i].path, LANDLOCK_CHANGE);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static int confine(struct appsilo_error *err)
{
	cleanup_close int ruleset_fd = -EBADF;
	int r = landlock(&ruleset_fd);

	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	if (r == 0)
		r = confine_drop_caps();
	if (r == 0)
		r = landlock_enforce(ruleset_fd);
	if (r == 0)
		r = confine_seccomp_nested();
	return r < 0 ? error_set(err, r, "sandbox: raise the fences") : 0;
}

/* Each layer is tried by something that only that layer stops, in each sandbox. */
static int prove(int canary_fd, struct appsilo_error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", canary_fd);
	if (open(path, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return error_say(err, -EPERM, "sandbox: Landlock does not hold; not starting");
	/* Its own filter, then the inherited one: without it anybody may ask to be traced. */
	if (syscall(SYS_unshare, CLONE_NEWUSER) == 0 || errno != EPERM ||
	    syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) == 0 || errno != EPERM)
		return error_say(err, -EPERM,
				 "sandbox: the seccomp filter does not hold; not starting");
	if (syscall(SYS_capget, &header, caps) < 0 || caps[0].permitted || caps[1].permitted ||
	    caps[0].effective || caps[1].effective || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 0)
		return error_say(err, -EPERM,
				 "sandbox: capabilities were not dropped; not starting");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return error_say(err, -EPERM, "sandbox: no_new_privs is not set; not starting");
	return 0;
}

int nest_enter(const struct nest *nest, unsigned int first_pid, struct appsilo_error *err)
{
	cleanup_close int canary_fd = -EBADF;
	int r = init_write_id_maps(0, nest->uid, nest->gid, true);

	if (r < 0)
		return error_set(err, r, "sandbox: map uid %u", nest->uid);
	r = procfs_write(0, "oom_score_adj", OOM_SCORE);
	if (r < 0)
		return error_set(err, r, "sandbox: oom_score_adj");
	r = add_private(nest, &canary_fd, err);
	if (r == 0)
		r = add_kernel_places(err);
	if (r == 0)
		r = choose_pid(first_pid, err);
	if (r == 0 && chdir(ZYGOTE_HOME) < 0)
		r = error_set(err, -errno, "sandbox: enter %s", ZYGOTE_HOME);
	if (r == 0)
		r = confine(err);
	return r == 0 ? prove(canary_fd, err) : r;
}
