/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by pool.c (the pool's thread), pool_new.c, pool_zygote.c (its zygotes) and pool_run.c
 * (runs). */
#ifndef APPSILO_SERVER_POOL_INTERNAL_H
#define APPSILO_SERVER_POOL_INTERNAL_H

#include "isolation/cgroup_tree.h"
#include "server/pool.h"
#include "server/zygote_wire.h"
#include <pthread.h>
#include <sys/types.h>

/* What epoll's data points to begins with this. */
enum pool_source {
	POOL_SOURCE_WAKE,
	POOL_SOURCE_TICK,
	POOL_SOURCE_ZYGOTE,
	POOL_SOURCE_LOG,
	POOL_SOURCE_SANDBOX,
};

struct pool_zygote {
	enum pool_source source, log_source;
	int socket_fd; /* owned */
	int log_fd;    /* what it writes to its stdout and stderr; owned */
	pid_t pid;     /* of `appsilo zygote`; reaped by the pool's thread */
	bool ready;
	bool retired; /* makes no more; ends with the last of its sandboxes */
	unsigned int sandboxes;
	uint64_t made;
	int64_t started_ms;
	char log[ERROR_LINE_MAX]; /* the end of what it wrote */
	struct pool_zygote *next;
};

enum sandbox_state {
	SANDBOX_MAKING,
	SANDBOX_READY,
	SANDBOX_RUNNING,
};

struct pool_sandbox {
	enum pool_source source;
	struct pool_run run; /* first of what callers see; end_fd is our end of the pair */
	struct pool *pool;
	struct pool_zygote *zygote;
	enum sandbox_state state;
	bool listed;
	pid_t init_pid, guest_pid;   /* in our pid namespace; 0: not told yet */
	int init_pidfd, guest_pidfd; /* owned */
	int64_t started_ns;	     /* being made, then the run */
	int64_t kill_at_ms;	     /* INT64_MAX: never */
	bool guest_killed;	     /* the next step is init itself */
	bool timed_out, killed;
	uint64_t cpu_limit_ms;
	bool grouped;
	unsigned int leaf;   /* of the pool's groups, if grouped */
	int64_t cpu_base_us; /* what the group had used when the sandbox got ready */
	int64_t look_at_ms;  /* when all the cpu time may be used up; INT64_MAX: an rlimit's */
	struct pool_sandbox *next, *previous; /* of the state's list */
};

/* The group of a sandbox that is gone, or nearly. */
struct pool_grave {
	unsigned int leaf;
	bool entered;	/* else who is to enter it may still be on the way, and it is no other's */
	int64_t due_ms; /* to be removed; later if it is not empty then */
};

struct pool {
	struct pool_config config; /* strings owned; groups NULL if there are none */
	char *names;		   /* of the preload list, one a line; owned */
	int guest_fd;		   /* sealed copy of the guest; owned */
	int epoll_fd, wake_fd, tick_fd;
	pthread_t thread;
	pthread_mutex_t lock;	       /* guards all below, and the sandboxes' fields */
	pthread_cond_t changed;	       /* one got ready, or a zygote failed */
	struct pool_zygote *zygotes;   /* the first is the newest */
	struct pool_sandbox *lists[3]; /* by state; READY: the oldest last */
	unsigned int counts[3];
	unsigned int target;
	int64_t tick_at_ms; /* INT64_MAX: not armed */
	int64_t refill_at_ms, retry_at_ms, calm_since_ms;
	unsigned int failures; /* zygotes in a row that never got ready */
	uint64_t made, taken, started;
	struct pool_grave *graves; /* owned; the oldest first */
	size_t n_graves, graves_capacity;
	bool ending;
	char error[ERROR_LINE_MAX];
};

/** The pool's thread, to the pool's end. */
void *pool_live(void *pool);

/** Start a zygote and put it first. With the lock, but not all the time; by the pool's thread.
 * Returns 0; -errno with the line. */
int pool_zygote_start(struct pool *pool, struct appsilo_error *err) must_check;
/** Take it out of the list, end and reap it. With the lock, but not all the time; by the pool's thread. */
void pool_zygote_end(struct pool *pool, struct pool_zygote *zygote);
/** Read what it has written. With the lock. Returns false at the end. */
bool pool_zygote_read_log(struct pool_zygote *zygote);
/** One more sandbox of @zygote. With the lock, but not all the time; by the pool's thread.
 * Returns 0; -errno. */
int pool_zygote_make(struct pool *pool, struct pool_zygote *zygote) must_check;

/** Remove groups of sandboxes that are gone. With the lock. */
void pool_groups_remove(struct pool *pool, int64_t now_ms);
/** Its group has to be removed as soon as it is empty. With the lock. */
void pool_groups_bury(struct pool *pool, const struct pool_sandbox *s);
/** Let what runs in the leaf have so much. Returns 0; -errno with the line. */
int pool_groups_limit(const struct pool_sandbox *s, const struct pool_limits *limits,
		      struct appsilo_error *err) must_check;
/** What the group has used so far is not its run's. Returns 0; -EIO: it is not known, and could be billed for. */
int pool_groups_note_base(struct pool_sandbox *s) must_check;
/** What no group holds is an rlimit's. */
void pool_groups_relieve(const struct pool_sandbox *s, struct zygote_spec *spec);
/** Its cpu time counts from now on. With the lock. */
void pool_groups_start(struct pool_sandbox *s, int64_t now_ms);
/** Is all of its cpu time used up? Sets when to look again. With the lock. */
bool pool_groups_cpu_over(struct pool_sandbox *s, int64_t now_ms);
/** What all of it used; before its init is killed. */
void pool_groups_usage(const struct pool_sandbox *s, struct cgroup_usage *ret);
/** Put that into @ret, and say so where it explains how the run ended. */
void pool_groups_account(const struct pool_sandbox *s, const struct cgroup_usage *usage,
			 struct pool_result *ret);

/** Fill the files of @ret with what the sandbox at @fd sends. */
void pool_files_receive(int fd, uint64_t bytes_max, struct pool_result *ret);

/** Put into the list of @state. With the lock. */
void pool_sandbox_move(struct pool_sandbox *s, enum sandbox_state state);
/** Take out of its list, close and free. With the lock. */
void pool_sandbox_drop(struct pool_sandbox *s);
/** Have the pool's thread look again at @at_ms, or before. With the lock. */
void pool_tick_at(struct pool *pool, int64_t at_ms);

#endif
