/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/helper.h"

#include "base/fd.h"
#include "base/path.h"
#include "broker/net_watch.h"
#include "broker/perform.h"
#include "isolation/close_others.h"
#include "isolation/kernel.h"
#include "isolation/tree.h"
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

struct helper {
	int sandbox_ns_fd; /* M2 */
	int view_fd;
	int idmap_fd;
	uid_t app_uid;
	const char *command, *window; /* the prompter's; borrowed; one may be there */
	char *const *envp; /* of prompters; borrowed */
	pid_t prompter;	   /* process group of the last one; 0: none */
	struct net_watch network;
};

static int enter(int ns_fd)
{
	return setns(ns_fd, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* The place in the sandbox: no symlink on the way, so nothing the app made can lead us. */
static int open_target(const char *path, uint64_t flags)
{
	int fd = k_openat2(AT_FDCWD, path, O_PATH | O_CLOEXEC | O_NOFOLLOW | flags,
			   K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);

	return fd < 0 ? -errno : fd;
}

/* By its device: the user's own file system may be another FUSE. */
static bool is_view(const struct helper *h, int fd)
{
	dev_t at, view;

	return k_device(fd, &at) == 0 && k_device(h->view_fd, &view) == 0 && at == view;
}

static bool is_mount_root(int fd)
{
	struct k_statx at;

	return k_statx(fd, "", AT_EMPTY_PATH | K_AT_STATX_DONT_SYNC, 0, &at) < 0 || at.attributes & K_STATX_ATTR_MOUNT_ROOT;
}

static int move_onto(const struct helper *h, const struct helper_request *q, int tree_fd)
{
	cleanup_close int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int target_fd = -EBADF;

	if (root_fd < 0)
		return -errno;
	if (q->make_target)
		target_fd = tree_make(root_fd, q->path, 0755, (int)q->is_file);
	else
		target_fd = open_target(q->path, 0);
	if (target_fd < 0)
		return target_fd;
	/* Onto the brokered view, or a folder of a mount there: no mount is covered itself. */
	if (!q->make_target && !is_view(h, target_fd) && (!q->onto_attached || is_mount_root(target_fd)))
		return -EEXIST;
	return tree_move(tree_fd, target_fd);
}

static int clone_source(const struct helper *h, int source_fd)
{
	struct k_mount_attr attr = {.attr_set = K_MOUNT_ATTR_IDMAP,
				    .propagation = MS_PRIVATE,
				    .userns_fd = (uint64_t)h->idmap_fd};
	cleanup_close int fd = tree_clone(source_fd, "");

	if (fd < 0 || h->idmap_fd < 0)
		return TAKE_FD(fd);
	if (k_mount_setattr(fd, "", K_AT_EMPTY_PATH | K_AT_RECURSIVE, &attr) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int attach(const struct helper *h, const struct helper_request *q, int source_fd)
{
	uint64_t flags = K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV;
	cleanup_close int tree_fd = clone_source(h, source_fd);
	int r;

	if (tree_fd < 0)
		return tree_fd;
	r = tree_attributes(tree_fd, flags | (q->writable ? 0 : K_MOUNT_ATTR_RDONLY), 0);
	if (r == 0)
		r = enter(h->sandbox_ns_fd);
	if (r < 0)
		return r;
	return move_onto(h, q, tree_fd);
}

/* Act on the mount attached at q->path. */
static int change(const struct helper *h, const struct helper_request *q)
{
	cleanup_close int target_fd = -EBADF;
	int r = enter(h->sandbox_ns_fd);

	if (r < 0)
		return r;
	target_fd = open_target(q->path, 0);
	if (target_fd < 0)
		r = target_fd;
	else if (is_view(h, target_fd))
		r = -ENOENT; /* nothing is attached there */
	else if (q->kind == HELPER_SET_WRITABLE)
		r = tree_attributes(target_fd, 0, K_MOUNT_ATTR_RDONLY);
	else if (umount2(q->path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		r = -errno;
	return r;
}

static int spawn(struct helper *h, const int fds[FD_PASS_MAX])
{
	pid_t own = getpid();
	pid_t pid = h->command || h->window ? fork() : -1;
	sigset_t none;

	if (!h->command && !h->window)
		return -EPERM;
	if (pid > 0) {
		(void)setpgid(pid, pid); /* the child does it too: whoever comes first */
		h->prompter = pid;
	}
	if (pid != 0)
		return pid < 0 ? -errno : pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != own) /* it died before that */
		_exit(126);
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			_exit(126);
	k_close_range(3, ~0U, 0);
	if (h->window)
		execle(h->window, h->window, "prompt", (char *)NULL, h->envp);
	else
		execle("/bin/sh", "sh", "-c", h->command, (char *)NULL, h->envp);
	_exit(127);
}

static void reply(int fd, int result, const int *new_fd)
{
	struct helper_reply reply = {.result = result};

	/* The broker is gone: so are we. */
	(void)!fd_send(fd, &reply, sizeof(reply), new_fd, new_fd ? 1 : 0);
}

static int keep_rights(uint32_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{kept, kept, 0}};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* As the user, or in root runs the app's own account, without any capability. */
static int become_app(const struct helper *h)
{
	if (h->idmap_fd >= 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(h->app_uid, h->app_uid, h->app_uid) < 0 ||
	     setresuid(h->app_uid, h->app_uid, h->app_uid) < 0))
		return -errno;
	return keep_rights(0);
}

/* Of the user's, with the app's ids in root runs. Negative where there is none. */
static int open_own_folder(const struct helper *h, const char *path)
{
	char folder[PATH_MAX];
	cleanup_close int fd = -EBADF, tree_fd = -EBADF;

	(void)path_split(path, folder, sizeof(folder));
	fd = k_openat2(AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC,
		       K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);
	tree_fd = fd < 0 ? -EBADF : clone_source(h, fd);
	if (tree_fd < 0 || tree_attributes(tree_fd, K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV, 0) < 0)
		return -EBADF;
	return TAKE_FD(tree_fd);
}

/* What the app may do, and no more. */
static void perform(const struct helper *h, int call_fd, int reply_fd)
{
	static struct perform_call call; /* large */
	cleanup_close int folder_fd = -EBADF;
	pid_t own = getpid();
	int r = fd_send(call_fd, &own, sizeof(own), NULL, 0);

	if (r == 0)
		r = fd_receive_long(call_fd, &call, sizeof(call));
	for (int i = 0; i < 2; i++)
		call.path[i][PATH_MAX - 1] = '\0';
	call.name[sizeof(call.name) - 1] = '\0';
	if (call.kind == PERFORM_SYMLINK)
		call.value[PATH_MAX - 1] = '\0';
	if (r == 0 && call.value_size > sizeof(call.value))
		r = -EPROTO;
	if (r == 0 && call.kind == PERFORM_OPEN)
		folder_fd = open_own_folder(h, call.path[0]);
	if (r == 0)
		r = become_app(h);
	if (r == 0)
		r = perform_make(h->view_fd, folder_fd, &call);
	reply(reply_fd, r < 0 || call.kind != PERFORM_OPEN ? r : 0,
	      r >= 0 && call.kind == PERFORM_OPEN ? &r : NULL);
}

static int change_mounts(const struct helper *h, const struct helper_request *q, int source_fd)
{
	if (q->kind == HELPER_ATTACH)
		return source_fd < 0 ? -EINVAL : attach(h, q, source_fd);
	return change(h, q);
}

/* In a child, which may wait. */
static void work(const struct helper *h, const struct helper_request *q, pid_t parent, int fd, int reply_fd)
	__attribute__((noreturn));

static void work(const struct helper *h, const struct helper_request *q, pid_t parent, int fd, int reply_fd)
{
	const int keep[] = {reply_fd, fd, h->sandbox_ns_fd, h->view_fd, h->idmap_fd};

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent) /* it died before that */
		_exit(1);

	/* Not /dev/fuse: while this waits, it must not keep the view alive. */
	close_others(keep, ARRAY_SIZE(keep));
	if (q->kind == HELPER_PERFORM)
		perform(h, fd, reply_fd);
	else
		reply(reply_fd, change_mounts(h, q, q->n_fds ? fd : -EBADF), NULL);
	_exit(0);
}

static void serve(struct helper *h, struct helper_request *q, const int fds[FD_PASS_MAX])
{
	int reply_fd = q->n_fds < FD_PASS_MAX ? fds[q->n_fds] : -EBADF;
	pid_t own = getpid();
	pid_t pid;

	q->path[sizeof(q->path) - 1] = '\0';
	switch ((enum helper_kind)q->kind) {
	case HELPER_ATTACH:
	case HELPER_SET_WRITABLE:
	case HELPER_DETACH:
	case HELPER_PERFORM:
		pid = fork();
		if (pid == 0)
			work(h, q, own, fds[0], reply_fd);
		if (pid < 0)
			reply(reply_fd, -errno, NULL);
		return;
	case HELPER_SPAWN:
		reply(reply_fd, q->n_fds == 3 ? spawn(h, fds) : -EINVAL, NULL);
		return;
	}
}

/* With the broker gone nobody waits for the prompter, nor for what it has started. */
static void leave(const struct helper *h) __attribute__((noreturn));

static void leave(const struct helper *h)
{
	if (h->prompter > 0)
		kill(-h->prompter, SIGKILL);
	_exit(0);
}

static void take_request(struct helper *h, int socket_fd)
{
	struct helper_request request;
	int fds[FD_PASS_MAX];

	if (fd_receive(socket_fd, &request, sizeof(request), 0, fds) != sizeof(request))
		leave(h);
	serve(h, &request, fds);
	for (size_t i = 0; i < FD_PASS_MAX; i++)
		close_keep_errno(fds[i]);
}

/* Mounts, namespaces, and the way to a mount's place through folders of others; in root runs to
 * become the app's account; nothing else of what root, here or on the host, may do. A prompter of root gets root's rights back when
 * it is executed. */
static int keep_mount_rights(bool change_ids)
{
	return keep_rights(1u << CAP_SYS_ADMIN | 1u << CAP_SYS_CHROOT | 1u << CAP_DAC_OVERRIDE |
			   1u << CAP_DAC_READ_SEARCH | (change_ids ? 1u << CAP_SETUID | 1u << CAP_SETGID : 0));
}

void helper_run(const struct helper_config *config)
{
	struct helper h = {.sandbox_ns_fd = config->sandbox_ns_fd,
			   .view_fd = config->view_fd,
			   .idmap_fd = config->idmap_fd,
			   .app_uid = config->app_uid,
			   .command = config->command,
			   .window = config->window,
			   .envp = config->envp,
			   .network.program = config->network};
	struct pollfd fds[1 + NET_WATCH_POLL_MAX];
	sigset_t all;

	prctl(PR_SET_NAME, "appsilo-attach", 0, 0, 0);
	signal(SIGCHLD, SIG_IGN); /* prompters are reaped by the kernel */
	/* Keys of the terminal (Ctrl-C, Ctrl-Z) are the broker's to deal with; without this
	 * process the run could attach nothing any more. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (keep_mount_rights(config->idmap_fd >= 0) < 0)
		_exit(1);
	for (;;) {
		size_t n = net_watch_entries(&h.network, fds + 1);

		fds[0] = (struct pollfd){.fd = config->socket_fd, .events = POLLIN};
		if (poll(fds, n + 1, -1) < 0)
			continue;
		net_watch_step(&h.network, fds + 1, n);
		if (fds[0].revents)
			take_request(&h, config->socket_fd);
	}
}
