/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/notify.h"

#include "base/fd.h"
#include "base/thread.h"
#include "broker/caller.h"
#include "broker/made.h"
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
	struct made made;
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

/* Returns false when the caller does not wait any more. */
static bool finish(struct notify *n, uint64_t id, int result)
{
	struct seccomp_notif_resp response = {.id = id, .val = result < 0 ? 0 : result, .error = result < 0 ? result : 0};

	return ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
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

/* Does the call move or remove what may be a folder? Then no mount may stand on it or below: the kernel
 * would refuse (EBUSY), or move the mount to where no rule allows it. */
static bool moves_folder(const struct call_shape *shape, const struct seccomp_data *d)
{
	if (d->nr == SYS_unlinkat)
		return d->args[2] & AT_REMOVEDIR;
	return strcmp(shape->operation, "rename") == 0 || strcmp(shape->operation, "rmdir") == 0;
}

static void clear_way(const struct pending *p)
{
	if (!attach_any(p->notify->attach) || !moves_folder(p->shape, &p->notif.data))
		return;
	for (int i = 0; i < p->n_places; i++)
		attach_release(p->notify->attach, p->places[i].path);
}

/* Between two mounts, which the kernel keeps apart (EXDEV)? git, pip and npm move across folders. */
static bool is_across(const struct pending *p)
{
	char roots[2][PATH_MAX] = {"", ""};

	if (p->n_places < 2)
		return false;
	for (int i = 0; i < 2; i++)
		(void)attach_find(p->notify->attach, p->places[i].path, roots[i]);
	return strcmp(roots[0], roots[1]) != 0;
}

/* Would the kernel refuse the call, by mounts as they are now? By what was read of the caller once:
 * only that is judged, and carried out. */
static bool needs_helper(const struct pending *p)
{
	const struct notify *n = p->notify;
	char root[PATH_MAX];

	for (int i = 0; i < p->n_places; i++) {
		const char *path = p->places[i].path;

		if (attach_may_refuse(n->attach, path) &&
		    (caller_is_refused((pid_t)p->notif.pid, &p->places[i], n->view_dev) ||
		     (attach_find(n->attach, path, root) == ATTACH_READ && strcmp(root, path) == 0)))
			return true;
	}
	return is_across(p);
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

struct performing {
	struct gate *gate;
	struct gate_permit permit;
};

static void on_child(void *data, pid_t pid)
{
	struct performing *x = data;

	x->permit.pid = pid;
	gate_permit(x->gate, &x->permit);
}

static int perform_call(struct pending *p, struct perform_call *call, int *ret_fd)
{
	struct notify *n = p->notify;
	struct performing x = {.gate = n->gate};
	int r;

	for (int i = 0; i < p->n_places; i++) {
		x.permit.paths[i] = p->places[i].path;
		snprintf(call->path[i], PATH_MAX, "%s%s", p->places[i].path, p->places[i].slash ? "/" : "");
	}
	if (ioctl(n->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &p->notif.id) < 0)
		return -EINTR; /* what was read may be somebody else's */
	r = attach_perform(n->attach, call, on_child, &x, ret_fd);
	gate_permit_end(n->gate, &x.permit);
	return r;
}

/* Returns what the caller is to get, if it still waits; MADE_OPENED when it does not. */
static int make(struct pending *p, struct perform_call *call)
{
	int fd = -EBADF, r = perform_call(p, call, &fd);

	if (r < 0 || fd < 0)
		return r;
	r = give(p->notify, p, fd, call->flags & O_CLOEXEC);
	return r == -ENOENT || r == -ESRCH ? MADE_OPENED : r;
}

/* Have the helper make the call, or tell its result to a caller that was interrupted and makes it again. */
static void perform(struct pending *p)
{
	struct notify *n = p->notify;
	cleanup_free struct perform_call *call = malloc(sizeof(*call)); /* large */
	int r = call ? perform_read((pid_t)p->notif.pid, &p->notif.data, call) : -ENOMEM;
	int known = MADE_OPENED, number;
	bool again;

	if (r == -ENOSYS) {
		reply(n, p->notif.id, 0);
		return;
	}
	if (r < 0) {
		(void)finish(n, p->notif.id, r);
		return;
	}
	number = made_begin(&n->made, &p->notif, p->places, &known);
	again = number <= -EALREADY;
	if (again) {
		number = -EALREADY - number;
		call->flags &= call->kind == PERFORM_OPEN ? ~O_EXCL : -1;
	}
	r = known == MADE_OPENED ? make(p, call) : known;
	if (again && r == -EINTR)
		r = known; /* this time it was not made */
	made_end(&n->made, number, r, r != MADE_OPENED && (finish(n, p->notif.id, r) || r < 0));
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
	clear_way(p);
	if (needs_helper(p) && !opens_fifo(p))
		perform(p);
	else
		reply(p->notify, p->notif.id, 0);
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

/* How the call takes its first path; the second is always a name that is not followed. */
static unsigned int how_taken(const struct seccomp_data *d)
{
	const unsigned int change = CALLER_FOLLOW | CALLER_ALSO_DOT;

	switch (d->nr) {
	case SYS_openat:
		return d->args[2] & O_NOFOLLOW || (d->args[2] & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? 0 : CALLER_FOLLOW;
	case SYS_fchownat:
		return (d->args[4] & AT_SYMLINK_NOFOLLOW ? CALLER_ALSO_DOT : change) |
		       (d->args[4] & AT_EMPTY_PATH ? CALLER_OR_ITSELF : 0);
	case SYS_utimensat:
	case SYS_FCHMODAT2:
		return (d->args[3] & AT_SYMLINK_NOFOLLOW ? CALLER_ALSO_DOT : change) |
		       (d->args[3] & AT_EMPTY_PATH ? CALLER_OR_ITSELF : 0);
	case SYS_linkat:
		return d->args[4] & AT_SYMLINK_FOLLOW ? CALLER_FOLLOW : 0;
	case SYS_fchmodat:
	case SYS_setxattr:
	case SYS_removexattr:
		return change;
	case SYS_truncate:
		return CALLER_FOLLOW;
#ifdef SYS_open
	case SYS_open:
		return d->args[1] & O_NOFOLLOW || (d->args[1] & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? 0 : CALLER_FOLLOW;
	case SYS_creat:
		return CALLER_FOLLOW;
	case SYS_chmod:
	case SYS_chown:
	case SYS_utime:
	case SYS_utimes:
	case SYS_futimesat:
		return change;
#endif
	}
	return 0;
}

/* None of them when one cannot be told, or is not the user's: the kernel says what is to be said. */
static void locate(struct pending *p)
{
	const struct call_shape *shape = p->shape;

	for (int i = 0; i < 2 && shape->fd[i] != UNUSED; i++) {
		unsigned int how = i == 0 ? how_taken(&p->notif.data) : 0;

		if (caller_locate((pid_t)p->notif.pid, &p->notif.data, shape->fd[i], shape->path[i], how,
				  p->notify->view_dev, &p->places[i]) < 0) {
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
	clear_way(p);
	/* What was below a mount that had to go may lie in another, which is read-only. */
	if (needs_helper(p)) {
		judge(p);
		return;
	}
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
		      (attach_any(n->attach) && (shape->fd[1] != UNUSED || moves_folder(shape, &notif->data)))))
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
	pthread_mutex_init(&n->made.lock, NULL);
	pthread_cond_init(&n->made.ended, NULL);
	k_notif_wake_here(listener_fd);
	r = thread_detached(serve, n);
	if (r < 0)
		free(n);
	return r;
}
