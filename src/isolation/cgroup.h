/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control group of one sandbox: limits that hold for all its processes together, and what
 * they used. Version 2 where it is mounted at /sys/fs/cgroup, beside our own group (a group that
 * has processes may not share out controllers); version 1 hierarchy by hierarchy below our own
 * group, so that limits above us go on to hold. docs/ARCHITECTURE.md, Limits.
 *
 * A group's directory stays open, and locked, as long as somebody answers for it. A group whose
 * lock is free has lost its owner: whoever makes the next one beside it removes it.
 * Not thread-safe per object; no state besides.
 */
#ifndef APPSILO_ISOLATION_CGROUP_H
#define APPSILO_ISOLATION_CGROUP_H

#include "base/error.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a group can do, as a mask. */
#define CGROUP_MEMORY 1u
#define CGROUP_PIDS 2u
#define CGROUP_CPU 4u
#define CGROUP_CPU_TIME 8u /* counted, not limited */

/* Hierarchies: one for each of the above in version 1, one in all in version 2. */
#define CGROUP_PARTS_MAX 4
#define CGROUP_NAME_PREFIX "appsilo-"

/* 0 means no limit. */
struct cgroup_limits {
	uint64_t memory_bytes; /* swap included, where the kernel counts it */
	uint64_t pids;	       /* processes and threads */
	uint64_t cpu_milli;    /* thousandths of a processor */
};

struct cgroup_part {
	unsigned int what;
	char name[sizeof(CGROUP_NAME_PREFIX) + 16];
	int parent_fd; /* owned */
	int dir_fd;    /* owned; locked */
};

struct cgroup {
	unsigned int what; /* what it can do here; 0: there is none */
	int version;	   /* of the host; 0: no cgroups */
	unsigned int missing; /* of what was asked for */
	int refused;	   /* why: -errno; 0: not offered */
	struct cgroup_part parts[CGROUP_PARTS_MAX];
	size_t n;
};

/**
 * Make an empty group with these limits, of as much as this host lets us have.
 * @also  CGROUP_CPU_TIME: that is asked for too
 * @ret   what is missing of the limits is not in ret->what; to be given to cgroup_remove() and
 *        cgroup_done(), which take one that has nothing as well
 * Returns 0, also when nothing can be had; -errno with the line when a limit is refused.
 */
int cgroup_create(const struct cgroup_limits *limits, unsigned int also, struct cgroup *ret,
		  struct appsilo_error *err) must_check;

/**
 * As cgroup_create(); where version 2 does not let us have all of it beside our own group, this
 * process is first moved below that, if it was delegated to us (a service with Delegate=), or
 * into a scope that systemd makes (the user's; root's).
 */
int cgroup_obtain(const struct cgroup_limits *limits, unsigned int also, struct cgroup *ret,
		  struct appsilo_error *err) must_check;

/** Set @limits of a group; those that are 0 stay as they are. Returns 0; -errno with the line. */
int cgroup_limit(const struct cgroup *cg, const struct cgroup_limits *limits,
		 struct appsilo_error *err) must_check;

/** What does @what for @cg; NULL: nothing. Borrowed. */
const struct cgroup_part *cgroup_part_for(const struct cgroup *cg, unsigned int what);

/**
 * Make a group that all have left as one that was just made: without limits, its peak that of what is in it.
 * Its processor time goes on.
 * Returns 0; -EBUSY while a process of it is on its way out; -ENOTSUP: the kernel cannot forget what it has
 * counted in it, so that it is none for another owner; -errno.
 */
int cgroup_clear(const struct cgroup *cg) must_check;

/**
 * Open what cgroup_join_child() needs.
 * @ret_fds  close-on-exec, the caller's; unused ones are -EBADF
 * Returns 0; -errno.
 */
int cgroup_open_join(const struct cgroup *cg, int ret_fds[CGROUP_PARTS_MAX]) must_check;

/** Move this process into the group: between clone and exec. Returns 0; -1 with errno. */
int cgroup_join_child(const int fds[CGROUP_PARTS_MAX]) must_check;

/** Move process @pid, with all its threads. Returns 0; -errno. */
int cgroup_add(const struct cgroup *cg, pid_t pid) must_check;

/** SIGKILL to every process in it and in its leaves (cgroup_tree.h), until none is left.
 * Returns 0; -errno; -EBUSY after a while. */
int cgroup_kill(const struct cgroup *cg) must_check;

/**
 * Remove the empty group, with its empty leaves.
 * @patience_ms  how long to wait for processes that are on their way out
 * Returns 0, also when it has gone already; -EBUSY; -errno.
 */
int cgroup_remove(const struct cgroup *cg, int patience_ms) must_check;

/** Close; the group stays. */
void cgroup_done(struct cgroup *cg);
static inline void cgroup_donep(struct cgroup *cg)
{
	cgroup_done(cg);
}

/* What it used: -1 where this host does not say. */
struct cgroup_usage {
	int64_t cpu_us;	      /* of every process that ever was in it */
	int64_t peak_bytes;   /* the most memory at once, file cache included */
	int64_t oom_kills;    /* processes killed for want of memory */
	int64_t forks_refused; /* by the limit of pids */
};

/* The files that say so: plain descriptors, which may be handed to another process. */
#define CGROUP_METER_FDS 4
struct cgroup_meter {
	int fds[CGROUP_METER_FDS]; /* owned; -EBADF where there is none */
};
#define CGROUP_METER_NONE ((struct cgroup_meter){{-EBADF, -EBADF, -EBADF, -EBADF}})

/** Never fails: what cannot be opened is not known. */
void cgroup_meter_open(const struct cgroup *cg, struct cgroup_meter *ret);
/** That of the group that process @pid is in, which can forget its peak. False: it is in none that we made. */
bool cgroup_meter_find(pid_t pid, struct cgroup_meter *ret) must_check;
void cgroup_meter_read(const struct cgroup_meter *meter, struct cgroup_usage *ret);
/** As in struct cgroup_usage, alone. */
int64_t cgroup_meter_cpu_us(const struct cgroup_meter *meter);
/** Its peak begins anew. Where the kernel cannot do that (version 2 before Linux 6.12), it goes on. */
void cgroup_meter_forget_peak(const struct cgroup_meter *meter);
void cgroup_meter_done(struct cgroup_meter *meter);

/* A process that removes the group when everybody who holds @fd has gone, however they went. */
struct cgroup_keeper {
	int fd; /* owned; not for the sandbox */
	pid_t pid;
};
#define CGROUP_KEEPER_NONE ((struct cgroup_keeper){.fd = -EBADF})

/** Returns 0; -errno. The group is still the caller's to close. */
int cgroup_keeper_start(const struct cgroup *cg, struct cgroup_keeper *ret) must_check;

/** Let go, and wait until the group has been removed. Accepts one that was not started. */
void cgroup_keeper_end(struct cgroup_keeper *keeper);

/* For cgroup_create(): where a group can be made. */
struct cgroup_place {
	unsigned int what;
	char parent[PATH_MAX];
};

/**
 * Find the places for @wanted. In version 2 this may switch controllers on for the groups beside
 * our own.
 * Returns how many; 0 when this host has none.
 */
size_t cgroup_find(unsigned int wanted, struct cgroup_place ret[CGROUP_PARTS_MAX],
		   int *ret_version);

/** The groups that process @pid is in, if we made them: their own directories. As cgroup_find(). */
size_t cgroup_find_member(pid_t pid, struct cgroup_place ret[CGROUP_PARTS_MAX], int *ret_version);

/** The directory of our own group of version 2. Returns the descriptor; -errno. */
int cgroup_own_dir(void) must_check;

#endif
