/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/notify.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/thread.h"
#include "isolation/kernel.h"
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1
#endif

struct notify {
	int listener_fd; /* owned */
	struct gate *gate;
	struct attach *attach;
	struct carry *carry; /* or NULL */
	pthread_mutex_t lock; /* guards the list */
	struct pending *first;
};

/* Callers that may have died while they were asked about are looked for this often. */
#define LOOK_MS 250

/* Where a call names the file it changes: up to two (descriptor, path) argument pairs.
 * -1: no descriptor argument (the current directory), no path (the descriptor itself). */
struct call_shape {
	int number;
	const char *operation;
	signed char fd[2], path[2];
};

#define NONE (-1)
#define UNUSED (-2)

static const struct call_shape shapes[] = {
	{SYS_openat, "open", {0, UNUSED}, {1, UNUSED}},
	{SYS_unlinkat, "unlink", {0, UNUSED}, {1, UNUSED}},
	{SYS_mkdirat, "mkdir", {0, UNUSED}, {1, UNUSED}},
	{SYS_mknodat, "mknod", {0, UNUSED}, {1, UNUSED}},
	{SYS_fchmodat, "chmod", {0, UNUSED}, {1, UNUSED}},
	{452 /* fchmodat2 */, "chmod", {0, UNUSED}, {1, UNUSED}},
	{SYS_fchownat, "chown", {0, UNUSED}, {1, UNUSED}},
	{SYS_utimensat, "utimens", {0, UNUSED}, {1, UNUSED}},
	{SYS_renameat2, "rename", {0, 2}, {1, 3}},
	{SYS_linkat, "link", {0, 2}, {1, 3}},
	{SYS_symlinkat, "symlink", {1, UNUSED}, {2, UNUSED}},
	{SYS_truncate, "truncate", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_fchmod, "chmod", {0, UNUSED}, {NONE, UNUSED}},
	{SYS_fchown, "chown", {0, UNUSED}, {NONE, UNUSED}},
	{SYS_setxattr, "setxattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_lsetxattr, "setxattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_fsetxattr, "setxattr", {0, UNUSED}, {NONE, UNUSED}},
	{SYS_removexattr, "removexattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_lremovexattr, "removexattr", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_fremovexattr, "removexattr", {0, UNUSED}, {NONE, UNUSED}},
#ifdef SYS_open /* calls that newer architectures do not have */
	{SYS_open, "open", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_creat, "create", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_unlink, "unlink", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_rmdir, "rmdir", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_mkdir, "mkdir", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_mknod, "mknod", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_chmod, "chmod", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_chown, "chown", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_lchown, "chown", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_utime, "utimens", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_utimes, "utimens", {NONE, UNUSED}, {0, UNUSED}},
	{SYS_futimesat, "utimens", {0, UNUSED}, {1, UNUSED}},
	{SYS_rename, "rename", {NONE, NONE}, {0, 1}},
	{SYS_renameat, "rename", {0, 2}, {1, 3}},
	{SYS_link, "link", {NONE, NONE}, {0, 1}},
	{SYS_symlink, "symlink", {NONE, UNUSED}, {1, UNUSED}},
#endif
};

static const struct call_shape *find_shape(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (shapes[i].number == number)
			return &shapes[i];
	return NULL;
}

/* Read a string of the caller's memory. Returns 0; -errno. */
static int read_string(pid_t pid, uint64_t address, char ret[PATH_MAX])
{
	size_t used = 0;

	while (used < PATH_MAX) {
		size_t page_left = 4096 - (address + used) % 4096;
		size_t want = page_left < PATH_MAX - used ? page_left : PATH_MAX - used;
		struct iovec local = {ret + used, want};
		struct iovec remote = {(void *)(uintptr_t)(address + used), want};
		ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

		if (n <= 0)
			return n < 0 ? -errno : -EFAULT;
		if (memchr(ret + used, '\0', (size_t)n))
			return 0;
		used += (size_t)n;
	}
	return -ENAMETOOLONG;
}

static int read_link(const char *path, char ret[PATH_MAX])
{
	ssize_t n = readlink(path, ret, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return ret[0] == '/' ? 0 : -ENOENT;
}

/* The path, as the sandbox sees it, of @folder resolved in the sandbox's root. */
static int resolve_folder(pid_t pid, const char *folder, char ret[PATH_MAX])
{
	char link[64];
	cleanup_close int root_fd = -EBADF;
	cleanup_close int fd = -EBADF;

	snprintf(link, sizeof(link), "/proc/%d/root", (int)pid);
	root_fd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	fd = k_openat2(root_fd, folder, O_PATH | O_CLOEXEC,
		       K_RESOLVE_IN_ROOT | K_RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return read_link(link, ret);
}

static int locate(pid_t pid, const struct seccomp_data *d, int fd_arg, int path_arg,
		  char ret[PATH_MAX])
{
	char given[PATH_MAX], base[PATH_MAX], whole[PATH_MAX], folder[PATH_MAX], link[64];
	int fd = fd_arg >= 0 ? (int)d->args[fd_arg] : AT_FDCWD;
	size_t n;
	int r = 0;

	given[0] = '\0';
	if (path_arg >= 0 && d->args[path_arg])
		r = read_string(pid, d->args[path_arg], given);
	if (r < 0)
		return r;
	if (given[0] != '/') {
		if (fd == AT_FDCWD)
			snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
		else
			snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
		r = read_link(link, base);
		if (r < 0)
			return r;
	}
	if (!given[0]) {
		snprintf(ret, PATH_MAX, "%s", base);
		return 0;
	}
	if (given[0] == '/')
		snprintf(whole, sizeof(whole), "%s", given);
	else if (path_join(base, given, whole, sizeof(whole)) < 0)
		return -ENAMETOOLONG;
	/* The last name may not exist, or be a link: the folder decides where it is. */
	n = strlen(whole);
	while (n > 1 && whole[n - 1] == '/')
		whole[--n] = '\0';
	n = path_parent_length(whole, n);
	snprintf(folder, sizeof(folder), "%.*s", (int)n, whole);
	r = resolve_folder(pid, folder, base);
	if (r < 0)
		return r;
	if (strcmp(path_base(whole), "..") == 0 || strcmp(path_base(whole), ".") == 0)
		return -EINVAL;
	return path_join(base, path_base(whole), ret, PATH_MAX);
}

struct pending {
	struct gate_ticket ticket;
	struct notify *notify;
	uint64_t id;
	struct pending *next, **at; /* the notify's list */
};

static void list_add(struct notify *n, struct pending *p)
{
	p->next = n->first;
	p->at = &n->first;
	if (p->next)
		p->next->at = &p->next;
	n->first = p;
}

static void list_remove(struct pending *p)
{
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
}

static void reply(struct notify *n, uint64_t id, int code)
{
	struct seccomp_notif_resp response = {.id = id, .error = code};

	if (code == 0)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* The caller may have gone; then nobody waits. */
	(void)ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void *follow(void *data)
{
	struct pending *p = data;

	attach_review(p->notify->attach);
	reply(p->notify, p->id, 0);
	free(p);
	return NULL;
}

/* Yes: the mount must follow the new rule before the call goes on. The prompt thread does
 * not wait for that: see attach_review_later(). */
static void answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct pending *p = (struct pending *)ticket; /* its first member */

	pthread_mutex_lock(&p->notify->lock);
	list_remove(p);
	pthread_mutex_unlock(&p->notify->lock);
	if (verdict == CONSENT_ALLOW && thread_detached(follow, p) == 0)
		return;
	reply(p->notify, p->id, -EACCES);
	free(p);
}

static void fill_request(const struct seccomp_notif *n, const char *operation, const char *path,
			 struct consent_request *ret)
{
	struct stat st;

	*ret = (struct consent_request){
		.path = path,
		.access = CONSENT_WRITE,
		.operation = operation,
		.pid = (pid_t)n->pid,
		.exists = lstat(path, &st) == 0,
	};
	/* O_CREAT on a name that is not there makes it; only what the question says. */
	if (!ret->exists && strcmp(operation, "open") == 0)
		ret->operation = "create";
	ret->target = ret->exists && S_ISDIR(st.st_mode) ? CONSENT_FOLDER : CONSENT_FILE;
}

static bool may_need_way(const struct call_shape *shape, const struct seccomp_data *d)
{
	if (d->nr == SYS_unlinkat)
		return d->args[2] & AT_REMOVEDIR;
	return strcmp(shape->operation, "rename") == 0 || strcmp(shape->operation, "link") == 0 ||
	       strcmp(shape->operation, "rmdir") == 0;
}

/*
 * What mounts of ours would forbid and the folders below would not: moving or removing the
 * folder that a mount stands on (EBUSY), moving or linking between two mounts (EXDEV; git, pip
 * and npm move across folders). The mounts in the way are taken off, and the call goes on
 * through FUSE, which judges it like any other.
 */
static void clear_way(struct notify *n, const struct call_shape *shape, char paths[2][PATH_MAX],
		      const bool known[2])
{
	char roots[2][PATH_MAX] = {"", ""};
	for (int i = 0; i < 2; i++)
		if (known[i])
			(void)attach_find(n->attach, paths[i], roots[i]);
	for (int i = 0; i < 2; i++) {
		bool on_root = strcmp(paths[i], roots[i]) == 0;
		bool across = known[0] && known[1] && strcmp(roots[0], roots[1]) != 0;

		if (known[i] && roots[i][0] && (on_root || across))
			attach_release(n->attach, roots[i]);
	}
}

/* Returns false when the call was answered or parked, true when it may go on. */
static bool judge(struct notify *n, const struct seccomp_notif *notif, const char *operation,
		  const char *path)
{
	struct consent_request request;
	struct pending *p;

	if (attach_find(n->attach, path, NULL) != ATTACH_READ)
		return true;
	fill_request(notif, operation, path, &request);
	switch (gate_decide(n->gate, &request)) {
	case CONSENT_ALLOW:
		/* Allowed, but the mount lags behind or is narrower: make it follow. */
		attach_review(n->attach);
		return true;
	case CONSENT_ASK:
		p = calloc(1, sizeof(*p));
		if (!p)
			break;
		p->notify = n;
		p->id = notif->id;
		p->ticket.answer = answered;
		pthread_mutex_lock(&n->lock);
		list_add(n, p);
		pthread_mutex_unlock(&n->lock);
		if (gate_ask(n->gate, &request, &p->ticket) == 0)
			return false;
		pthread_mutex_lock(&n->lock);
		list_remove(p);
		pthread_mutex_unlock(&n->lock);
		free(p);
		break;
	case CONSENT_DENY:
	case CONSENT_ABSENT:
		break;
	}
	gate_record_denial(n->gate, &request, operation, -EACCES);
	reply(n, notif->id, -EACCES);
	return false;
}

static void handle(struct notify *n, const struct seccomp_notif *notif)
{
	const struct call_shape *shape;
	bool moves;
	char paths[2][PATH_MAX];
	bool known[2] = {false, false};

	if (n->carry && carry_take(n->carry, notif))
		return;
	shape = find_shape(notif->data.nr);
	moves = shape && attach_any_in_way(n->attach) && may_need_way(shape, &notif->data);
	if (!moves && !attach_any_read_only(n->attach))
		shape = NULL;
	for (int i = 0; shape && i < 2 && shape->fd[i] != UNUSED; i++) {
		known[i] = locate((pid_t)notif->pid, &notif->data, shape->fd[i], shape->path[i],
				  paths[i]) == 0;
		if (!known[i])
			continue;
		if (ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &notif->id) < 0)
			return; /* the pid may be somebody else's by now */
		if (!judge(n, notif, shape->operation, paths[i]))
			return;
	}
	if (moves)
		clear_way(n, shape, paths, known);
	reply(n, notif->id, 0);
}

/* A caller that was killed or interrupted does not wait any more; the kernel tells nobody. */
static void drop_gone(struct notify *n)
{
	struct pending *p, *next;

	pthread_mutex_lock(&n->lock);
	for (p = n->first; p; p = next) {
		next = p->next;
		if (ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &p->id) == 0 ||
		    !gate_cancel(n->gate, &p->ticket))
			continue;
		list_remove(p);
		free(p);
	}
	pthread_mutex_unlock(&n->lock);
}

/* Returns false when there is nothing to receive. Most of the time there is nothing else to wait
 * for, and receiving waits. */
static bool wait_for_call(struct notify *n)
{
	struct pollfd fds[2] = {{.fd = n->listener_fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	bool asking, waiting = n->carry && carry_has_waiting(n->carry);

	pthread_mutex_lock(&n->lock);
	asking = n->first != NULL;
	pthread_mutex_unlock(&n->lock);
	asking = asking || (n->carry && carry_is_asking(n->carry));
	if (!asking && !waiting)
		return true;
	if (waiting)
		fds[1].fd = carry_fd(n->carry);
	if (poll(fds, ARRAY_SIZE(fds), asking ? LOOK_MS : -1) == 0) {
		drop_gone(n);
		if (n->carry)
			carry_drop_gone(n->carry);
	}
	if (fds[1].revents)
		carry_step(n->carry);
	return fds[0].revents != 0;
}

static void *serve(void *data)
{
	struct notify *n = data;

	for (;;) {
		struct seccomp_notif notif;

		if (!wait_for_call(n))
			continue;
		memset(&notif, 0, sizeof(notif));
		if (ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			break; /* no task uses the filter any more */
		}
		handle(n, &notif);
	}
	return NULL;
}

int notify_start(int listener_fd, struct gate *gate, struct attach *attach, struct carry *carry)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	*n = (struct notify){.listener_fd = listener_fd, .gate = gate, .attach = attach, .carry = carry};
	pthread_mutex_init(&n->lock, NULL);
	k_notif_wake_here(listener_fd);
	r = thread_detached(serve, n);
	if (r < 0)
		free(n);
	return r;
}
