/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of warm sandboxes: each is made and fenced in before its run is known, takes one run,
 * and is gone with it. docs/ARCHITECTURE.md, Warm sandboxes.
 *
 * A pool has one zygote, and is one tenant's: what was loaded, the hash seed and the layout of the
 * memory are the same in all its runs. It has a thread of its own. All functions may be called
 * by several threads at once; one run belongs to one thread, pool_run_kill() apart.
 */
#ifndef APPSILO_SERVER_POOL_H
#define APPSILO_SERVER_POOL_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct cgroup_tree;

/* All borrowed until pool_new() returns. */
struct pool_config {
	const char *front;   /* absolute path of `appsilo` */
	const char *guest;   /* absolute path of appsilo-zygote-python.so or appsilo-zygote-exec */
	const char *package; /* family name; NULL: the system's programs */
	const char *interpreter;    /* CPython to go on with, as for `run`; NULL: any program is
				       executed */
	const char *const *preload; /* modules, NULL-terminated; NULL: none */
	unsigned int min_ready;	    /* at least so many wait; 0: 2 */
	unsigned int max_ready;	    /* at most so many wait, when the load asks for it; 0: 64 */
	uint64_t disk_bytes;	    /* of each run's private places; 0: 64 MiB */
	uint64_t files_bytes; /* of the files in its home that a run gives back, together; 0: none
				 are asked for */
	uint64_t runs_per_zygote; /* then a new zygote takes over, with another hash seed; 0: 10,000
				   */
	struct cgroup_tree *groups; /* where each sandbox gets a leaf; outlives the pool; NULL, or
				       one that is empty: limits by rlimits */
};

struct pool_file {
	const char *name; /* relative to the run's current directory; folders are made */
	const void *content;
	size_t size;
};

/* Zero means no limit. What no group holds (memory, pids, cpu time) is an rlimit: memory and cpu
 * time then of each process. */
struct pool_limits {
	uint64_t wall_ms, cpu_ms, memory_bytes, pids, file_bytes;
	uint64_t open_files; /* 0: 1024 */
};

/* All borrowed until pool_take() returns. */
struct pool_spec {
	const char *code; /* Python, as for -c; NULL with an entry */
	size_t code_size;
	const char *entry; /* name of one of the files, run as a script; NULL: the code */
	bool isolated;	   /* the entry's folder is no place of modules */
	const struct pool_file *files;
	size_t n_files;
	const char *const *argv; /* after the script's name, or with a program its name too;
				    NULL-terminated; NULL: none */
	const char *const *env;	 /* NAME=VALUE over the zygote's; NULL-terminated; NULL: none */
	struct pool_limits limits;
	unsigned int wait_ms; /* for a sandbox to get ready, when none is */
};

enum pool_reason {
	POOL_FAILED, /* the sandbox was lost; text says how */
	POOL_EXITED,
	POOL_SIGNALED,
	POOL_TIMEOUT, /* wall or cpu time */
	POOL_OOM,     /* as POOL_PIDS: only where a group counts it */
	POOL_PIDS,
	POOL_KILLED,  /* by pool_run_kill() */
};

struct pool_result {
	enum pool_reason reason;
	int exit_code; /* as of `appsilo run`: 124 time limit, 125 failed, 128+N */
	int signal;    /* 0: none */
	int64_t wall_ms, cpu_ms, memory_bytes;
	char text[256];
	struct pool_file *files; /* in the run's home at its end; names are relative, without "..",
				    bytes; owned */
	size_t n_files;
	bool files_cut; /* some are missing: too many, too large, too deep, or the run was killed */
};

/* Descriptors are ours, close-on-exec and non-blocking; owned by the run: set one to -EBADF to keep
 * it. */
struct pool_run {
	int stdin_fd, stdout_fd, stderr_fd;
	int end_fd; /* readable once nothing of the run lives */
};

/** What there is at the moment. */
struct pool_state {
	unsigned int ready, making, running, target;
	uint64_t made, taken, zygotes; /* since the start */
	char error[ERROR_LINE_MAX];    /* why there is no zygote; "" when there is one */
};

/**
 * Start a pool. The zygote starts in the background; pool_state() tells of failures.
 * Returns 0; -errno with the line.
 */
int pool_new(const struct pool_config *config, struct pool **ret,
	     struct appsilo_error *err) must_check;

/** End it, the runs too. Every run has to have been ended by pool_run_end() before. NULL allowed.
 */
void pool_free(struct pool *pool);

/**
 * Give a run to a sandbox.
 * Returns 0; -EAGAIN when none was ready in time; -E2BIG; another -errno, with the line.
 */
int pool_take(struct pool *pool, const struct pool_spec *spec, struct pool_run **ret,
	      struct appsilo_error *err) must_check;

/** End a run now. Any thread, any number of times, until pool_run_end(). */
void pool_run_kill(struct pool_run *run);

/** How it ended; waits until it has. Closes and frees @run, NULL allowed. @ret is to be done with.
 */
void pool_run_end(struct pool_run *run, struct pool_result *ret);

/** Free what @result holds. */
void pool_result_done(struct pool_result *result);

void pool_state(struct pool *pool, struct pool_state *ret);

static inline void pool_freep(struct pool **pool)
{
	pool_free(*pool);
}

#endif
