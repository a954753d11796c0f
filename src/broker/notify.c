/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/notify.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"
#include "broker/call_shape.h"
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
	int64_t looked_ms; /* when callers that are gone were looked for */
	pthread_mutex_t lock; /* guards the list */
	struct pending *first;
};

/* Callers that may have died while they were asked about are looked for this often. */
#define LOOK_MS 250

/* A call that is held. */
struct pending {
	struct gate_ticket ticket;
	struct notify *notify;
	struct seccomp_notif notif;
	const struct call_shape *shape;
	struct caller_place places[2];
	int n_places, n_judged;
	bool repeated; /* not judged: it was when it was made, a moment ago */
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

/* No mount may stand on what is moved, or below: the kernel would refuse (EBUSY), or move the mount to where no
 * rule allows it. The view sees to that again (fs/change.c); here a native folder is still reached.
 * Returns false when the call is none of that kind, and no mount has changed. */
static bool clear_way(const struct pending *p)
{
	if (!attach_any(p->notify->attach) || !call_shape_moves_folder(p->shape, &p->notif.data))
		return false;
	for (int i = 0; i < p->n_places; i++)
		attach_release(p->notify->attach, p->places[i].path);
	return true;
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

/* What the call says, to be carried out. Returns 0; -ENOSYS; -errno. */
static int read_call(const struct pending *p, struct perform_call *call)
{
	int r = perform_read((pid_t)p->notif.pid, &p->notif.data, call);

	for (int i = 0; r == 0 && i < p->n_places; i++)
		snprintf(call->path[i], PATH_MAX, "%s%s", p->places[i].path, p->places[i].slash ? "/" : "");
	return r;
}

static bool still_waits(const struct pending *p)
{
	return ioctl(p->notify->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &p->notif.id) == 0;
}

static int perform_call(struct pending *p, struct perform_call *call, int *ret_fd)
{
	struct notify *n = p->notify;
	struct performing x = {.gate = n->gate};
	int r;

	for (int i = 0; i < p->n_places; i++)
		x.permit.paths[i] = p->places[i].path;
	if (!still_waits(p))
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

/* Have the helper make the call, or tell its result to a caller that was interrupted and makes it again.
 * Returns false when it is no repetition after all: another thread may have changed its words. */
static bool perform(struct pending *p)
{
	struct notify *n = p->notify;
	cleanup_free struct perform_call *call = malloc(sizeof(*call)); /* large */
	int r = call ? read_call(p, call) : -ENOMEM;
	int known = MADE_OPENED, number;
	bool again;

	if (r == -ENOSYS) {
		reply(n, p->notif.id, 0);
		return true;
	}
	if (r < 0) {
		(void)finish(n, p->notif.id, r);
		return true;
	}
	number = made_begin(&n->made, (pid_t)p->notif.pid, made_hash(call), &known);
	again = number <= -EALREADY;
	if (p->repeated && !again) {
		made_end(&n->made, number, 0, true);
		return false;
	}
	if (again) {
		number = -EALREADY - number;
		call->flags &= call->kind == PERFORM_OPEN ? ~O_EXCL : -1;
	}
	r = known == MADE_OPENED ? make(p, call) : known;
	if (again && r == -EINTR)
		r = known; /* this time it was not made */
	made_end(&n->made, number, r, r != MADE_OPENED && (finish(n, p->notif.id, r) || r < 0));
	return true;
}

static void judge(struct pending *p);

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

	if (!still_waits(p)) {
		pending_free(p);
		return NULL;
	}
	attach_review(p->notify->attach);
	(void)clear_way(p);
	if (!needs_helper(p) || opens_fifo(p)) {
		reply(p->notify, p->notif.id, 0);
	} else if (!perform(p)) {
		p->repeated = false;
		p->n_judged = 0;
		judge(p);
		return NULL;
	}
	pending_free(p);
	return NULL;
}

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

/* None of them when one cannot be told, or is not the user's: the kernel says what is to be said. */
static void locate(struct pending *p)
{
	const struct call_shape *shape = p->shape;

	for (int i = 0; i < 2 && shape->fd[i] != CALL_SHAPE_UNUSED; i++) {
		unsigned int how = i == 0 ? call_shape_how(&p->notif.data) : 0;

		if (caller_locate((pid_t)p->notif.pid, &p->notif.data, shape->fd[i], shape->path[i], how,
				  p->notify->view_dev, &p->places[i]) < 0) {
			p->n_places = 0;
			return;
		}
		p->n_places++;
	}
}

/* The repetition of a call that was made, which was judged then? */
static bool was_made(const struct pending *p)
{
	cleanup_free struct perform_call *call = NULL;

	if (!made_any(&p->notify->made))
		return false;
	call = malloc(sizeof(*call)); /* large */
	return call && read_call(p, call) == 0 &&
	       made_knows(&p->notify->made, (pid_t)p->notif.pid, made_hash(call));
}

static void begin(struct pending *p)
{
	p->repeated = was_made(p);
	if (p->repeated)
		p->n_judged = p->n_places;
	judge(p);
}

/* Takes over @p. */
static void look_at(struct pending *p)
{
	struct notify *n = p->notify;

	locate(p);
	if (!still_waits(p)) {
		pending_free(p); /* the pid may be somebody else's by now */
		return;
	}
	/* What was below a mount that had to go may lie in another, which is read-only. */
	if (needs_helper(p) || (clear_way(p) && needs_helper(p))) {
		begin(p);
		return;
	}
	reply(n, p->notif.id, 0);
	pending_free(p);
}

static void *look_later(void *data)
{
	struct pending *p = data;

	made_wait(&p->notify->made, (pid_t)p->notif.pid);
	look_at(p);
	return NULL;
}

static void take(struct notify *n, const struct seccomp_notif *notif, const struct call_shape *shape)
{
	struct pending *p = calloc(1, sizeof(*p));

	if (!p) {
		reply(n, notif->id, -ENOMEM);
		return;
	}
	*p = (struct pending){.notify = n, .notif = *notif, .shape = shape};
	if (made_is_running(&n->made, (pid_t)notif->pid) && thread_detached(look_later, p) == 0)
		return;
	look_at(p);
}

static void handle(struct notify *n, const struct seccomp_notif *notif)
{
	const struct call_shape *shape;

	if (n->carry && carry_take(n->carry, notif))
		return;
	shape = call_shape_find(notif->data.nr);
	if (shape && (attach_may_refuse(n->attach, NULL) ||
		      (attach_any(n->attach) && (shape->fd[1] != CALL_SHAPE_UNUSED || call_shape_moves_folder(shape, &notif->data)))))
		take(n, notif, shape);
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
	(void)poll(fds, ARRAY_SIZE(fds), asking ? LOOK_MS : -1);
	if (asking && clock_monotonic_ms() - n->looked_ms >= LOOK_MS) {
		n->looked_ms = clock_monotonic_ms();
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
