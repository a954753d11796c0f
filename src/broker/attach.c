/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be attached: the topmost allowed folder above a used one in which nothing is,
 * or could come to be, protected. An attached mount obeys no rule below its root, so
 * whatever a rule or the never list could say there keeps it on FUSE:
 *   - a protected place below: the folder is a spine, its children are attached singly;
 *   - reading allowed only, but writing allowed somewhere below: not attached at all.
 */
#include "broker/attach.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "isolation/kernel.h"
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct mount_entry {
	char *path; /* owned */
	enum attach_state state;
	bool in_spine; /* the folder above is allowed for writing and on FUSE */
};

struct job {
	struct job *next;
	char path[];
};

struct attach {
	const struct decider *decider; /* borrowed */
	bool read_only; /* read consents may be attached, calls that write being reported; set before
			 * the app runs */
	int helper_fd;	/* owned; a message is sent whole or not at all */
	pthread_mutex_t change_lock;   /* one change of mounts at a time */
	pthread_mutex_t lock;	       /* guards everything below; never held over a request */
	struct mount_entry mounts[ATTACH_MAX];
	size_t n;
	size_t n_read_only;
	bool in_way;
	struct {
		char *path; /* owned */
		int64_t until_ms;
	} released[ATTACH_RELEASED_MAX];
	size_t next_released;
	struct job *jobs, **end;
	size_t n_jobs;
	pthread_cond_t arrived;
	pthread_t thread; /* started with the first job */
	bool running, stopping;
	bool idle, review_due;
};

/* How long a mount that was in the way of a rename stays off: programs rename in storms. */
#define RELEASE_MS 1000
/* How long a call waits at most for other changes of mounts before it goes on as it is. */
#define RELEASE_WAIT_S 2

/* Hints beyond this are dropped: they come again with the next use. */
#define JOBS_MAX 64

static int request(struct attach *a, struct helper_request *q, const int *fds, size_t n_fds)
{
	struct helper_reply reply;
	int all[FD_PASS_MAX], none[FD_PASS_MAX], pair[2];
	cleanup_close int reply_fd = -EBADF;
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	reply_fd = pair[0];
	for (size_t i = 0; i < n_fds; i++)
		all[i] = fds[i];
	all[n_fds] = pair[1];
	q->n_fds = (uint32_t)n_fds;
	r = fd_send(a->helper_fd, q, sizeof(*q), all, n_fds + 1);
	close(pair[1]);
	if (r == 0 && fd_receive(reply_fd, &reply, sizeof(reply), 0, none) != sizeof(reply))
		r = -EPIPE;
	return r < 0 ? r : reply.result;
}

static int change_mount(struct attach *a, enum helper_kind kind, const char *path)
{
	struct helper_request q = {.kind = kind};

	snprintf(q.path, sizeof(q.path), "%s", path);
	return request(a, &q, NULL, 0);
}

static int add_mount(struct attach *a, const char *path, bool writable)
{
	struct helper_request q = {.kind = HELPER_ATTACH, .writable = writable};
	/* No link on the way: what is attached is what the rule names. */
	cleanup_close int fd = k_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC,
					 K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return -errno;
	snprintf(q.path, sizeof(q.path), "%s", path);
	return request(a, &q, &fd, 1);
}

static enum attach_state wanted(const struct attach *a, const char *path)
{
	struct decision d;

	decide(a->decider, path, CONSENT_READ, &d);
	if (d.verdict != CONSENT_ALLOW || !d.by_rule)
		return ATTACH_NONE;
	decide_note_used(a->decider, &d);
	decide(a->decider, path, CONSENT_WRITE, &d);
	if (d.verdict == CONSENT_ALLOW && !decide_protected_below(a->decider, path, CONSENT_WRITE))
		return ATTACH_WRITE;
	if (!a->read_only || d.verdict == CONSENT_ALLOW ||
	    decide_protected_below(a->decider, path, CONSENT_READ) ||
	    decide_writable_below(a->decider, path))
		return ATTACH_NONE;
	return ATTACH_READ;
}

static bool is_folder_rule(const struct attach *a, const char *path)
{
	char inside[PATH_MAX];
	struct decision d;

	/* A rule on the folder alone does not speak of what is in it. */
	if (path_join(path, "\x01", inside, sizeof(inside)) < 0)
		return false;
	decide(a->decider, inside, CONSENT_READ, &d);
	return d.verdict == CONSENT_ALLOW && d.by_rule;
}

static struct mount_entry *find(struct attach *a, const char *path)
{
	for (size_t i = 0; i < a->n; i++)
		if (path_is_under(path, a->mounts[i].path))
			return &a->mounts[i];
	return NULL;
}

static void recount(struct attach *a)
{
	size_t n = 0;
	bool in_way = a->n > 1;

	for (size_t i = 0; i < a->n; i++) {
		n += a->mounts[i].state == ATTACH_READ;
		in_way = in_way || a->mounts[i].in_spine;
	}
	__atomic_store_n(&a->n_read_only, n, __ATOMIC_RELEASE);
	__atomic_store_n(&a->in_way, in_way, __ATOMIC_RELEASE);
}

/* Is the folder above @path allowed for writing? It stays on FUSE, or would be attached itself. */
static bool is_in_spine(const struct attach *a, const char *path)
{
	char parent[PATH_MAX];
	struct decision d;

	snprintf(parent, sizeof(parent), "%.*s", (int)path_parent_length(path, strlen(path)), path);
	decide(a->decider, parent, CONSENT_WRITE, &d);
	return d.verdict == CONSENT_ALLOW;
}

static void note(struct attach *a, const char *path, enum attach_state state)
{
	char *copy = strdup(path);
	bool in_spine = is_in_spine(a, path);

	pthread_mutex_lock(&a->lock);
	if (copy && a->n < ATTACH_MAX)
		a->mounts[a->n++] = (struct mount_entry){TAKE_PTR(copy), state,
							 in_spine};
	recount(a);
	pthread_mutex_unlock(&a->lock);
	free(copy);
}

/* With the lock held. Does something under @top wait for its release to pass? */
static bool is_released(const struct attach *a, const char *top)
{
	int64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < ATTACH_RELEASED_MAX; i++)
		if (a->released[i].path && a->released[i].until_ms > now_ms &&
		    path_is_under(a->released[i].path, top))
			return true;
	return false;
}

/* The topmost folder at or above @folder that may be attached, and how. */
static enum attach_state find_top(const struct attach *a, const char *folder, char top[PATH_MAX])
{
	enum attach_state state = ATTACH_NONE;
	char at[PATH_MAX];
	size_t n = strlen(folder);

	if (n >= sizeof(at))
		return ATTACH_NONE;
	memcpy(at, folder, n + 1);
	for (; n > 1; n = path_parent_length(at, n)) {
		enum attach_state s;

		at[n] = '\0';
		s = is_folder_rule(a, at) ? wanted(a, at) : ATTACH_NONE;
		if (s == ATTACH_NONE || (state != ATTACH_NONE && s != state))
			break;
		state = s;
		memcpy(top, at, n + 1);
	}
	return state;
}

static void forget(struct attach *a, const char *path)
{
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->mounts[i].path, path) != 0)
			continue;
		free(a->mounts[i].path);
		a->mounts[i] = a->mounts[--a->n];
		break;
	}
	recount(a);
	pthread_mutex_unlock(&a->lock);
}

static void attach_top(struct attach *a, const char *folder)
{
	char top[PATH_MAX];
	enum attach_state state = find_top(a, folder, top);
	bool full;
	int r;

	pthread_mutex_lock(&a->lock);
	full = a->n >= ATTACH_MAX || (state != ATTACH_NONE && is_released(a, top));
	pthread_mutex_unlock(&a->lock);
	if (state == ATTACH_NONE || full)
		return;
	/* Nobody would take the mount off for a rename. */
	if (!a->read_only && is_in_spine(a, top))
		return;
	/* Known before it is there: a call that writes to a read-only mount nobody knows of would
	 * get the kernel's EROFS instead of a question. */
	note(a, top, state);
	r = add_mount(a, top, state == ATTACH_WRITE);
	if (r == 0)
		return;
	forget(a, top);
	log_debug("attach %s: %s; it stays on FUSE", top, strerror(-r));
}

void attach_allow_read_only(struct attach *a, bool allowed)
{
	a->read_only = allowed;
}

bool attach_plan(struct attach *a, const char *folder, struct attach_start *list, size_t *n)
{
	struct attach_start entry;
	char top[PATH_MAX];

	if (a->idle)
		return false;
	for (size_t i = 0; i < *n; i++)
		if (path_is_under(folder, list[i].path))
			return false;
	entry.state = find_top(a, folder, top);
	if (entry.state == ATTACH_NONE)
		return false;
	entry.path = strdup(top);
	if (!entry.path)
		return false;
	list[(*n)++] = entry;
	return true;
}

void attach_started(struct attach *a, struct attach_start *entry)
{
	note(a, entry->path, entry->state);
}

void attach_consider(struct attach *a, const char *folder)
{
	bool there;

	if (a->idle)
		return;
	pthread_mutex_lock(&a->change_lock);
	pthread_mutex_lock(&a->lock);
	there = find(a, folder) != NULL;
	pthread_mutex_unlock(&a->lock);
	if (!there)
		attach_top(a, folder);
	pthread_mutex_unlock(&a->change_lock);
}

/* Bring one mount to its wanted state. Returns false when it is not attached any more. */
static bool adjust(struct attach *a, struct mount_entry *m)
{
	enum attach_state want = is_folder_rule(a, m->path) ? wanted(a, m->path) : ATTACH_NONE;

	if (want == m->state)
		return true;
	if (want == ATTACH_WRITE && m->state == ATTACH_READ &&
	    change_mount(a, HELPER_SET_WRITABLE, m->path) == 0) {
		m->state = want;
		return true;
	}
	/* Less than before: off, and FUSE judges each access again. */
	if (change_mount(a, HELPER_DETACH, m->path) < 0)
		log_warning("cannot detach %s; stop the program to end its access", m->path);
	if (want != ATTACH_NONE && add_mount(a, m->path, want == ATTACH_WRITE) == 0) {
		m->state = want;
		return true;
	}
	return false;
}

void attach_review(struct attach *a)
{
	struct mount_entry copy[ATTACH_MAX];
	size_t n, kept = 0;

	pthread_mutex_lock(&a->change_lock);
	pthread_mutex_lock(&a->lock);
	n = a->n;
	memcpy(copy, a->mounts, n * sizeof(copy[0]));
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < n; i++) {
		if (adjust(a, &copy[i]))
			copy[kept++] = copy[i];
		else
			copy[i].state = ATTACH_NONE;
	}
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->n; i++) {
		bool keeps = false;

		for (size_t k = 0; k < kept; k++)
			keeps = keeps || copy[k].path == a->mounts[i].path;
		if (!keeps)
			free(a->mounts[i].path);
	}
	memcpy(a->mounts, copy, kept * sizeof(copy[0]));
	a->n = kept;
	recount(a);
	pthread_mutex_unlock(&a->lock);
	pthread_mutex_unlock(&a->change_lock);
}

/* With the lock held: forget @m and keep its path from being attached again for a moment. */
static void take_off(struct attach *a, struct mount_entry *m)
{
	size_t i = a->next_released++ % ATTACH_RELEASED_MAX;

	free(a->released[i].path);
	a->released[i].path = m->path;
	a->released[i].until_ms = clock_monotonic_ms() + RELEASE_MS;
	*m = a->mounts[--a->n];
	recount(a);
}

void attach_release(struct attach *a, const char *path)
{
	struct mount_entry *m;
	struct timespec end;
	char root[PATH_MAX];

	/* A mount under way may wait for a folder that waits for a person; the caller does not. */
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += RELEASE_WAIT_S;
	if (pthread_mutex_timedlock(&a->change_lock, &end) != 0)
		return;
	if (attach_find(a, path, root) != ATTACH_NONE &&
	    change_mount(a, HELPER_DETACH, root) == 0) {
		pthread_mutex_lock(&a->lock);
		m = find(a, path);
		if (m)
			take_off(a, m);
		pthread_mutex_unlock(&a->lock);
	}
	pthread_mutex_unlock(&a->change_lock);
}

enum attach_state attach_find(struct attach *a, const char *path, char ret_root[PATH_MAX])
{
	enum attach_state state = ATTACH_NONE;
	struct mount_entry *m;

	pthread_mutex_lock(&a->lock);
	m = find(a, path);
	if (m) {
		state = m->state;
		if (ret_root)
			snprintf(ret_root, PATH_MAX, "%s", m->path);
	}
	pthread_mutex_unlock(&a->lock);
	return state;
}

bool attach_any_read_only(struct attach *a)
{
	return __atomic_load_n(&a->n_read_only, __ATOMIC_ACQUIRE) > 0;
}

bool attach_any_in_way(struct attach *a)
{
	return __atomic_load_n(&a->in_way, __ATOMIC_ACQUIRE);
}

static void *work(void *data)
{
	struct attach *a = data;

	pthread_mutex_lock(&a->lock);
	while (!a->stopping) {
		struct job *job = a->jobs;

		if (a->review_due) {
			a->review_due = false;
			pthread_mutex_unlock(&a->lock);
			attach_review(a);
			pthread_mutex_lock(&a->lock);
			continue;
		}
		if (!job) {
			pthread_cond_wait(&a->arrived, &a->lock);
			continue;
		}
		a->jobs = job->next;
		if (!a->jobs)
			a->end = &a->jobs;
		a->n_jobs--;
		pthread_mutex_unlock(&a->lock);
		attach_consider(a, job->path);
		free(job);
		pthread_mutex_lock(&a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* Under the lock. */
static bool has_thread(struct attach *a)
{
	if (!a->running)
		a->running = pthread_create(&a->thread, NULL, work, a) == 0;
	return a->running;
}

void attach_review_later(struct attach *a)
{
	bool later;

	pthread_mutex_lock(&a->lock);
	later = a->review_due = has_thread(a);
	pthread_cond_signal(&a->arrived);
	pthread_mutex_unlock(&a->lock);
	if (!later)
		attach_review(a);
}

/* Under the lock. A thread that cannot be made only means that folders stay on FUSE. */
static void add_job(struct attach *a, struct job *job)
{
	(void)has_thread(a);
	*a->end = job;
	a->end = &job->next;
	a->n_jobs++;
	pthread_cond_signal(&a->arrived);
}

void attach_consider_later(struct attach *a, const char *folder)
{
	struct job *job;

	pthread_mutex_lock(&a->lock);
	if (find(a, folder) || a->n_jobs >= JOBS_MAX || a->n >= ATTACH_MAX) {
		pthread_mutex_unlock(&a->lock);
		return;
	}
	job = malloc(sizeof(*job) + strlen(folder) + 1);
	if (job) {
		job->next = NULL;
		strcpy(job->path, folder);
		add_job(a, job);
	}
	pthread_mutex_unlock(&a->lock);
}

int attach_new(int helper_fd, const struct decider *decider, bool idle, struct attach **ret)
{
	struct attach *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->helper_fd = helper_fd;
	a->decider = decider;
	a->idle = idle;
	a->end = &a->jobs;
	pthread_mutex_init(&a->change_lock, NULL);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->arrived, NULL);
	*ret = a;
	return 0;
}

void attach_free(struct attach *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_signal(&a->arrived);
	pthread_mutex_unlock(&a->lock);
	if (a->running)
		pthread_join(a->thread, NULL);
	while (a->jobs) {
		struct job *job = a->jobs;

		a->jobs = job->next;
		free(job);
	}
	for (size_t i = 0; i < a->n; i++)
		free(a->mounts[i].path);
	for (size_t i = 0; i < ATTACH_RELEASED_MAX; i++)
		free(a->released[i].path);
	close_keep_errno(a->helper_fd);
	free(a);
}

int attach_spawn(void *attach, const char *command, const int fds[3])
{
	struct helper_request q = {.kind = HELPER_SPAWN};

	(void)command; /* the helper has it from the command line, and takes none from us */
	return request(attach, &q, fds, 3);
}
