/* SPDX-License-Identifier: Apache-2.0 */
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
};

struct job {
	struct job *next;
	char path[];
};

struct attach {
	struct attach_rules rules; /* read_only is set before the app runs */
	int helper_fd;	/* owned; a message is sent whole or not at all */
	pthread_mutex_t change_lock;   /* one change of mounts at a time */
	pthread_mutex_t lock;	       /* guards everything below; never held over a request */
	struct mount_entry mounts[ATTACH_MAX];
	size_t n;
	size_t n_read_only;
	char *left[ATTACH_MAX]; /* owned: where a mount was taken off, in which the app may still be */
	size_t n_left;
	size_t n_any;
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
	bool idle, review_due, reviewing;
	void (*on_reviewed)(void *data);
	void *reviewed_data;
};

/* How long a mount that was in the way of a rename stays off: programs rename in storms. */
#define RELEASE_MS 1000
/* How long a call waits at most for other changes of mounts before it goes on as it is. */
#define RELEASE_WAIT_S 2

/* Hints beyond this are dropped: they come again with the next use. */
#define JOBS_MAX 64

static int change_mount(struct attach *a, enum helper_kind kind, const char *path)
{
	struct helper_request q = {.kind = kind};

	snprintf(q.path, sizeof(q.path), "%s", path);
	return helper_ask(a->helper_fd, &q, NULL, 0);
}

static int add_mount(struct attach *a, const char *path, bool writable, bool onto_attached)
{
	struct helper_request q = {.kind = HELPER_ATTACH, .writable = writable, .onto_attached = onto_attached};
	/* No link on the way: what is attached is what the rule names. */
	cleanup_close int fd = k_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC,
					 K_RESOLVE_NO_SYMLINKS | K_RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return -errno;
	snprintf(q.path, sizeof(q.path), "%s", path);
	return helper_ask(a->helper_fd, &q, &fd, 1);
}

/* The innermost one that holds @path. */
static struct mount_entry *find(struct attach *a, const char *path)
{
	struct mount_entry *best = NULL;

	for (size_t i = 0; i < a->n; i++)
		if (path_is_under(path, a->mounts[i].path) &&
		    (!best || path_is_under(a->mounts[i].path, best->path)))
			best = &a->mounts[i];
	return best;
}

static void recount(struct attach *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->mounts[i].state == ATTACH_READ;
	__atomic_store_n(&a->n_read_only, n, __ATOMIC_RELEASE);
	__atomic_store_n(&a->n_any, a->n, __ATOMIC_RELEASE);
}

static void note(struct attach *a, const char *path, enum attach_state state)
{
	char *copy = strdup(path);

	pthread_mutex_lock(&a->lock);
	if (copy && a->n < ATTACH_MAX)
		a->mounts[a->n++] = (struct mount_entry){TAKE_PTR(copy), state};
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

/* The app may go on working in what is taken off. A mount that is not written down is only one
 * more whose calls the kernel refuses. */
static void leave(struct attach *a, const char *path)
{
	bool known = false;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->n_left; i++)
		known = known || strcmp(a->left[i], path) == 0;
	if (!known && a->n_left < ATTACH_MAX)
		a->left[a->n_left] = strdup(path);
	if (!known && a->n_left < ATTACH_MAX && a->left[a->n_left])
		__atomic_store_n(&a->n_left, a->n_left + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&a->lock);
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

/* In what is attached already, only a folder that may be written, where the rest may be read. */
static bool has_place(struct attach *a, const char *top, enum attach_state state)
{
	const struct mount_entry *around;
	bool yes;

	pthread_mutex_lock(&a->lock);
	around = find(a, top);
	yes = a->n < ATTACH_MAX && !is_released(a, top) &&
	      (!around || (around->state == ATTACH_READ && state == ATTACH_WRITE &&
			   strcmp(around->path, top) != 0));
	pthread_mutex_unlock(&a->lock);
	return yes;
}

static void attach_top(struct attach *a, const char *folder)
{
	char top[PATH_MAX];
	enum attach_state state = attach_find_top(&a->rules, folder, top);
	int r;

	if (state == ATTACH_NONE || !has_place(a, top, state))
		return;
	/* Nobody would take the mount off for a rename. */
	if (!a->rules.read_only && attach_is_in_spine(&a->rules, top))
		return;
	/* Known before it is there: a call that writes to a read-only mount nobody knows of would
	 * get the kernel's EROFS instead of a question. */
	note(a, top, state);
	r = add_mount(a, top, state == ATTACH_WRITE, true);
	if (r == 0)
		return;
	forget(a, top);
	log_debug("attach %s: %s; it stays on FUSE", top, strerror(-r));
}

void attach_allow_read_only(struct attach *a, bool allowed)
{
	a->rules.read_only = allowed;
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
	entry.state = attach_find_top(&a->rules, folder, top);
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
	if (a->idle)
		return;
	pthread_mutex_lock(&a->change_lock);
	attach_top(a, folder);
	pthread_mutex_unlock(&a->change_lock);
}

/* Bring one mount to its wanted state; @inside: it lies in another. Returns false when it has been
 * taken off, and all that lay in it with it; then m->state says whether it was put back. */
static bool adjust(struct attach *a, struct mount_entry *m, bool inside)
{
	enum attach_state want = attach_wanted(&a->rules, m->path, m->state);

	if (want == m->state)
		return true;
	if (want == ATTACH_WRITE && m->state == ATTACH_READ &&
	    change_mount(a, HELPER_SET_WRITABLE, m->path) == 0) {
		m->state = want;
		return true;
	}
	/* Less than before: off, and FUSE judges each access again. */
	if (change_mount(a, HELPER_DETACH, m->path) < 0) {
		log_warning("cannot detach %s; stop the program to end its access", m->path);
		return true; /* it is tried again at the next review */
	}
	leave(a, m->path);
	m->state = ATTACH_NONE;
	if (want != ATTACH_NONE && !inside && add_mount(a, m->path, want == ATTACH_WRITE, false) == 0)
		m->state = want;
	return false;
}

static int outer_first(const void *a, const void *b)
{
	size_t x = strlen(((const struct mount_entry *)a)->path), y = strlen(((const struct mount_entry *)b)->path);

	return x < y ? -1 : x > y;
}

static bool lies_in(const struct mount_entry *m, const struct mount_entry *outer)
{
	return path_is_under(m->path, outer->path);
}

static void adjust_all(struct attach *a, struct mount_entry *all, size_t n)
{
	bool off[ATTACH_MAX] = {false};

	qsort(all, n, sizeof(*all), outer_first);
	for (size_t i = 0; i < n; i++) {
		bool inside = false;

		for (size_t k = 0; k < i; k++) {
			inside = inside || (all[k].state != ATTACH_NONE && lies_in(&all[i], &all[k]));
			off[i] = off[i] || (off[k] && lies_in(&all[i], &all[k]));
		}
		if (off[i])
			all[i].state = ATTACH_NONE;
		else
			off[i] = !adjust(a, &all[i], inside);
	}
}

void attach_review(struct attach *a)
{
	struct mount_entry copy[ATTACH_MAX];
	size_t n;

	pthread_mutex_lock(&a->change_lock);
	pthread_mutex_lock(&a->lock);
	n = a->n;
	memcpy(copy, a->mounts, n * sizeof(copy[0]));
	pthread_mutex_unlock(&a->lock);
	adjust_all(a, copy, n);
	pthread_mutex_lock(&a->lock);
	a->n = 0;
	for (size_t i = 0; i < n; i++) {
		if (copy[i].state == ATTACH_NONE)
			free(copy[i].path);
		else
			a->mounts[a->n++] = copy[i];
	}
	recount(a);
	pthread_mutex_unlock(&a->lock);
	pthread_mutex_unlock(&a->change_lock);
}

/* Forget @root and what lies in it, and keep their paths from being attached again for a moment. */
static void take_off(struct attach *a, const char *root)
{
	pthread_mutex_lock(&a->lock);
	for (size_t i = a->n; i-- > 0;) {
		size_t at = a->next_released % ATTACH_RELEASED_MAX;

		if (!path_is_under(a->mounts[i].path, root))
			continue;
		free(a->released[at].path);
		a->released[at].path = a->mounts[i].path;
		a->released[at].until_ms = clock_monotonic_ms() + RELEASE_MS;
		a->next_released++;
		a->mounts[i] = a->mounts[--a->n];
	}
	recount(a);
	pthread_mutex_unlock(&a->lock);
}

/* One at or below @path that is not inside another such, in @root. Returns whether there is one. */
static bool find_below(struct attach *a, const char *path, char root[PATH_MAX])
{
	const struct mount_entry *best = NULL;

	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < a->n; i++)
		if (path_is_under(a->mounts[i].path, path) && (!best || path_is_under(best->path, a->mounts[i].path)))
			best = &a->mounts[i];
	if (best)
		snprintf(root, PATH_MAX, "%s", best->path);
	pthread_mutex_unlock(&a->lock);
	return best;
}

bool attach_release(struct attach *a, const char *path)
{
	struct timespec end;
	char root[PATH_MAX];
	bool there = find_below(a, path, root);

	if (!there)
		return true;
	/* A mount under way may wait for a folder that waits for a person; the caller does not. */
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += RELEASE_WAIT_S;
	if (pthread_mutex_timedlock(&a->change_lock, &end) != 0)
		return false;
	while ((there = find_below(a, path, root)) && change_mount(a, HELPER_DETACH, root) == 0) {
		leave(a, root);
		take_off(a, root);
	}
	pthread_mutex_unlock(&a->change_lock);
	return !there;
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

bool attach_may_refuse(struct attach *a, const char *path)
{
	bool may;

	if (!path)
		return __atomic_load_n(&a->n_read_only, __ATOMIC_ACQUIRE) > 0 ||
		       __atomic_load_n(&a->n_left, __ATOMIC_ACQUIRE) > 0;
	pthread_mutex_lock(&a->lock);
	may = find(a, path) != NULL;
	for (size_t i = 0; i < a->n_left; i++)
		may = may || path_is_under(path, a->left[i]);
	pthread_mutex_unlock(&a->lock);
	return may;
}

bool attach_any(struct attach *a)
{
	return __atomic_load_n(&a->n_any, __ATOMIC_ACQUIRE) > 0;
}

static void *work(void *data)
{
	struct attach *a = data;

	pthread_mutex_lock(&a->lock);
	while (!a->stopping) {
		struct job *job = a->jobs;

		if (a->review_due) {
			a->review_due = false;
			a->reviewing = true;
			pthread_mutex_unlock(&a->lock);
			attach_review(a);
			pthread_mutex_lock(&a->lock);
			a->reviewing = false;
			if (!a->review_due && a->on_reviewed)
				a->on_reviewed(a->reviewed_data);
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

bool attach_is_reviewed(struct attach *a)
{
	bool done;

	pthread_mutex_lock(&a->lock);
	done = !a->review_due && !a->reviewing;
	pthread_mutex_unlock(&a->lock);
	return done;
}

void attach_on_reviewed(struct attach *a, void (*call)(void *data), void *data)
{
	pthread_mutex_lock(&a->lock);
	a->on_reviewed = call;
	a->reviewed_data = data;
	pthread_mutex_unlock(&a->lock);
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
	const struct mount_entry *around;
	struct job *job;

	pthread_mutex_lock(&a->lock);
	around = find(a, folder);
	if ((around && around->state == ATTACH_WRITE) || a->n_jobs >= JOBS_MAX || a->n >= ATTACH_MAX) {
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
	a->rules.decider = decider;
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
	for (size_t i = 0; i < a->n_left; i++)
		free(a->left[i]);
	close_keep_errno(a->helper_fd);
	free(a);
}

int attach_spawn(void *attach, const char *command, const int fds[3])
{
	struct attach *a = attach;
	struct helper_request q = {.kind = HELPER_SPAWN};

	(void)command; /* the helper has it from the command line, and takes none from us */
	return helper_ask(a->helper_fd, &q, fds, 3);
}

int attach_perform(struct attach *a, const struct perform_call *call, void (*on_child)(void *data, pid_t pid),
		   void *data, int *ret_fd)
{
	struct helper_request q = {.kind = HELPER_PERFORM};
	cleanup_close int ours = -EBADF, theirs = -EBADF;
	int pair[2], reply_fd;
	pid_t pid;

	*ret_fd = -EBADF;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	reply_fd = helper_send(a->helper_fd, &q, &theirs, 1);
	close(TAKE_FD(theirs));
	if (reply_fd < 0)
		return reply_fd;
	if (recv(ours, &pid, sizeof(pid), 0) == sizeof(pid)) {
		on_child(data, pid);
		(void)!fd_send_long(ours, call, sizeof(*call)); /* the answer says that it was not */
	}
	return helper_wait(reply_fd, ret_fd);
}
