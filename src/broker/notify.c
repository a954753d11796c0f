/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/notify.h"

#include "base/fd.h"
#include "base/thread.h"
#include "broker/caller.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef SECCOMP_USER_NOTIF_FLAG_CONTINUE
#define SECCOMP_USER_NOTIF_FLAG_CONTINUE 1
#endif

struct notify {
	int listener_fd; /* owned */
	dev_t view_dev;
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

#define NONE CALLER_NONE
#define UNUSED (-2)

#define SYS_FCHMODAT2 452

static const struct call_shape shapes[] = {
	{SYS_openat, "open", {0, UNUSED}, {1, UNUSED}},
	{SYS_unlinkat, "unlink", {0, UNUSED}, {1, UNUSED}},
	{SYS_mkdirat, "mkdir", {0, UNUSED}, {1, UNUSED}},
	{SYS_mknodat, "mknod", {0, UNUSED}, {1, UNUSED}},
	{SYS_fchmodat, "chmod", {0, UNUSED}, {1, UNUSED}},
	{SYS_FCHMODAT2, "chmod", {0, UNUSED}, {1, UNUSED}},
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

/* A call that is held. */
struct pending {
	struct gate_ticket ticket;
	struct notify *notify;
	struct seccomp_notif notif;
	const struct call_shape *shape;
	struct caller_place places[2];
	int n_places, n_judged;
	struct pending *next, **at; /* the notify's list */
};

static void pending_free(struct pending *p)
{
	for (int i = 0; i < 2; i++)
		caller_place_done(&p->places[i]);
	free(p);
}

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

static void finish(struct notify *n, uint64_t id, int result)
{
	struct seccomp_notif_resp response = {.id = id, .val = result < 0 ? 0 : result, .error = result < 0 ? result : 0};

	(void)ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
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

static bool moves(const struct pending *p)
{
	return attach_any_in_way(p->notify->attach) && may_need_way(p->shape, &p->notif.data);
}

/* The mounts that hold the places; "": none. Returns whether they are two. */
static bool find_roots(const struct pending *p, char roots[2][PATH_MAX])
{
	for (int i = 0; i < 2; i++) {
		roots[i][0] = '\0';
		if (i < p->n_places)
			(void)attach_find(p->notify->attach, p->places[i].path, roots[i]);
	}
	return p->n_places == 2 && strcmp(roots[0], roots[1]) != 0;
}

/*
 * What mounts of ours would forbid and the folders below would not: moving or removing the
 * folder that a mount stands on (EBUSY), moving or linking between two mounts (EXDEV; git, pip
 * and npm move across folders). The mounts in the way are taken off, and the call goes on
 * through FUSE, which judges it like any other.
 */
static void clear_way(const struct pending *p)
{
	char roots[2][PATH_MAX];
	bool across = find_roots(p, roots);

	for (int i = 0; i < p->n_places; i++)
		if (roots[i][0] && (across || strcmp(p->places[i].path, roots[i]) == 0))
			attach_release(p->notify->attach, roots[i]);
}

/* Would the caller be left behind in a mount that is taken off? */
static bool is_at_work(const struct pending *p)
{
	char roots[2][PATH_MAX];

	if (!find_roots(p, roots))
		return false;
	for (int i = 0; i < 2; i++)
		if (roots[i][0] && caller_works_in((pid_t)p->notif.pid, roots[i]))
			return true;
	return false;
}

/* Would the kernel refuse the call, by mounts as they are now? By what was read of the caller once:
 * only that is judged, and carried out. */
static bool needs_helper(const struct pending *p)
{
	const struct notify *n = p->notify;

	if (p->n_places == 0)
		return false;
	for (int i = 0; i < p->n_places; i++)
		if (attach_may_refuse(n->attach, p->places[i].path) &&
		    caller_is_refused((pid_t)p->notif.pid, &p->places[i], n->view_dev))
			return true;
	return moves(p) && is_at_work(p);
}

/* The caller, if it still waits, gets the descriptor, @fd, taken over. Before its call ends nobody else
 * has it any more: a lock on the file ends when the caller closes it. */
static int give(struct notify *n, const struct pending *p, int fd, bool close_on_exec)
{
	struct seccomp_notif_addfd place = {.id = p->notif.id,
					    .srcfd = (uint32_t)fd,
					    .newfd_flags = close_on_exec ? O_CLOEXEC : 0};
	int r = ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ADDFD, &place);

	close_keep_errno(fd);
	return r < 0 ? -errno : r;
}

/* Have the helper make the call. The view it makes it on judges what was not judged here. */
static void perform(struct pending *p)
{
	struct notify *n = p->notify;
	struct gate_permit permits[2];
	struct perform_call *call = malloc(sizeof(*call)); /* large */
	cleanup_close int fd = -EBADF;
	int r = call ? perform_read((pid_t)p->notif.pid, &p->notif.data, call) : -ENOMEM;

	for (int i = 0; i < p->n_places; i++) {
		permits[i] = (struct gate_permit){.path = p->places[i].path, .access = CONSENT_WRITE};
		gate_permit(n->gate, &permits[i]);
		if (r == 0)
			snprintf(call->path[i], PATH_MAX, "%s%s", p->places[i].path,
				 p->places[i].slash ? "/" : "");
	}
	if (r == 0 && ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &p->notif.id) < 0)
		r = -EINTR; /* what was read may be somebody else's */
	if (r == 0)
		r = attach_perform(n->attach, call, &fd);
	for (int i = 0; i < p->n_places; i++)
		gate_permit_end(n->gate, &permits[i]);
	if (r == 0 && fd >= 0)
		r = give(n, p, TAKE_FD(fd), call->flags & O_CLOEXEC);
	finish(n, p->notif.id, r);
	free(call);
}

/* A read-only mount forbids no opening of a FIFO for writing, and the view's FIFO is another: what is
 * written to it, nobody would read who has opened the mount's. */
static bool opens_fifo(const struct pending *p)
{
	struct stat st;

	return (strcmp(p->shape->operation, "open") == 0 || strcmp(p->shape->operation, "create") == 0) &&
	       stat(p->places[0].path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* It may be done: by the kernel, if the mounts follow the rules so far, else by the helper. In a
 * thread of its own: a change of mounts may wait for another call, and that for an answer. */
static void *carry_out(void *data)
{
	struct pending *p = data;

	attach_review(p->notify->attach);
	if (needs_helper(p) && !opens_fifo(p)) {
		perform(p);
	} else {
		if (moves(p))
			clear_way(p);
		reply(p->notify, p->notif.id, 0);
	}
	pending_free(p);
	return NULL;
}

static void judge(struct pending *p);

static void *judge_rest(void *data)
{
	judge(data);
	return NULL;
}

static void answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct pending *p = (struct pending *)ticket; /* its first member */

	pthread_mutex_lock(&p->notify->lock);
	list_remove(p);
	pthread_mutex_unlock(&p->notify->lock);
	p->n_judged++;
	if (verdict == CONSENT_ALLOW && thread_detached(judge_rest, p) == 0)
		return;
	reply(p->notify, p->notif.id, -EACCES);
	pending_free(p);
}

static bool ask(struct pending *p, const struct consent_request *request)
{
	struct notify *n = p->notify;

	p->ticket = (struct gate_ticket){.answer = answered};
	pthread_mutex_lock(&n->lock);
	list_add(n, p);
	pthread_mutex_unlock(&n->lock);
	if (gate_ask(n->gate, request, &p->ticket) == 0)
		return true;
	pthread_mutex_lock(&n->lock);
	list_remove(p);
	pthread_mutex_unlock(&n->lock);
	return false;
}

/* Judge the places that have not been yet, and go on. Takes over @p, which may have to wait for
 * an answer. */
static void judge(struct pending *p)
{
	struct notify *n = p->notify;
	struct consent_request request;

	for (; p->n_judged < p->n_places; p->n_judged++) {
		enum consent_verdict verdict;

		fill_request(&p->notif, p->shape->operation, p->places[p->n_judged].path, &request);
		verdict = gate_decide(n->gate, &request);
		if (verdict == CONSENT_ASK && ask(p, &request))
			return;
		if (verdict == CONSENT_ALLOW)
			continue;
		gate_record_denial(n->gate, &request, p->shape->operation, -EACCES);
		reply(n, p->notif.id, -EACCES);
		pending_free(p);
		return;
	}
	if (thread_detached(carry_out, p) == 0)
		return;
	reply(n, p->notif.id, -EACCES);
	pending_free(p);
}

static bool or_itself(const struct seccomp_data *d)
{
	switch (d->nr) {
	case SYS_fchownat:
		return d->args[4] & AT_EMPTY_PATH;
	case SYS_utimensat:
	case SYS_FCHMODAT2:
		return d->args[3] & AT_EMPTY_PATH;
	}
	return false;
}

/* None of them when one cannot be told: the kernel says what is wrong with it. */
static void locate(struct pending *p)
{
	const struct call_shape *shape = p->shape;

	for (int i = 0; i < 2 && shape->fd[i] != UNUSED; i++) {
		if (caller_locate((pid_t)p->notif.pid, &p->notif.data, shape->fd[i], shape->path[i],
				  or_itself(&p->notif.data), &p->places[i]) < 0) {
			p->n_places = 0;
			return;
		}
		p->n_places++;
	}
}

static void look_at(struct notify *n, const struct seccomp_notif *notif, const struct call_shape *shape)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p) {
		reply(n, notif->id, -ENOMEM);
		return;
	}
	*p = (struct pending){.notify = n, .notif = *notif, .shape = shape};
	locate(p);
	if (ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &notif->id) < 0) {
		pending_free(p); /* the pid may be somebody else's by now */
		return;
	}
	if (needs_helper(p)) {
		judge(p);
		return;
	}
	if (moves(p))
		clear_way(p);
	reply(n, notif->id, 0);
	pending_free(p);
}

static void handle(struct notify *n, const struct seccomp_notif *notif)
{
	const struct call_shape *shape;

	if (n->carry && carry_take(n->carry, notif))
		return;
	shape = find_shape(notif->data.nr);
	if (shape && (attach_may_refuse(n->attach, NULL) ||
		      (attach_any_in_way(n->attach) && may_need_way(shape, &notif->data))))
		look_at(n, notif, shape);
	else
		reply(n, notif->id, 0);
}

/* A caller that was killed or interrupted does not wait any more; the kernel tells nobody. */
static void drop_gone(struct notify *n)
{
	struct pending *p, *next;

	pthread_mutex_lock(&n->lock);
	for (p = n->first; p; p = next) {
		next = p->next;
		if (ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &p->notif.id) == 0 ||
		    !gate_cancel(n->gate, &p->ticket))
			continue;
		list_remove(p);
		pending_free(p);
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

int notify_start(int listener_fd, dev_t view_dev, struct gate *gate, struct attach *attach,
		 struct carry *carry)
{
	struct notify *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	*n = (struct notify){.listener_fd = listener_fd, .view_dev = view_dev, .gate = gate, .attach = attach, .carry = carry};
	pthread_mutex_init(&n->lock, NULL);
	k_notif_wake_here(listener_fd);
	r = thread_detached(serve, n);
	if (r < 0)
		free(n);
	return r;
}
