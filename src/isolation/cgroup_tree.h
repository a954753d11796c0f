/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups for many short-lived sandboxes: leaves, known by a number, below one group that a keeper
 * removes with all of them when its owner is gone. No descriptor of a leaf stays open, and none
 * is locked. docs/ARCHITECTURE.md, Warm sandboxes. After cgroup_tree_make() all functions may be
 * called by several threads at once; a leaf belongs to one at a time.
 */
#ifndef APPSILO_ISOLATION_CGROUP_TREE_H
#define APPSILO_ISOLATION_CGROUP_TREE_H

#include "isolation/cgroup.h"
#include <stdatomic.h>
#include <stdbool.h>

/* Emptied leaves that wait for the next owner: making one takes the kernel longer than clearing it. */
#define CGROUP_SPARES_MAX 32

struct cgroup_tree {
	struct cgroup group; /* no process is in it itself; group.what: what the leaves can do */
	struct cgroup_keeper keeper;
	atomic_uint last;
	atomic_uint spares[CGROUP_SPARES_MAX]; /* 0: none */
};

/**
 * Make the group above, and its keeper, which is a fork: single-threaded only.
 * Returns 0, also when this host lets us have none: then ret->group.what is 0; -errno, line.
 */
int cgroup_tree_make(struct cgroup_tree *ret, struct appsilo_error *err) must_check;

/** Let the keeper remove it with all leaves, and wait for that. Accepts one that is empty, or zeroed. */
void cgroup_tree_done(struct cgroup_tree *tree);

/**
 * Make a leaf, or take one that was given back, and open what enters it: who writes "0" there.
 * @ret_fds  close-on-exec, the caller's; unused ones are -EBADF
 * Returns 0; -errno.
 */
int cgroup_leaf_make(struct cgroup_tree *tree, unsigned int *ret_leaf,
		     int ret_fds[CGROUP_PARTS_MAX]) must_check;

/** Limit what is in it. Returns 0; -errno with the line. */
int cgroup_leaf_limit(const struct cgroup_tree *tree, unsigned int leaf,
		      const struct cgroup_limits *limits, struct appsilo_error *err) must_check;

void cgroup_leaf_usage(const struct cgroup_tree *tree, unsigned int leaf,
		       struct cgroup_usage *ret);
/** Of all its processes; -1: not known. */
int64_t cgroup_leaf_cpu_us(const struct cgroup_tree *tree, unsigned int leaf);

/**
 * The leaf is nobody's any more: it is as new for the next, if there may be one (@again), or removed.
 * Returns 0; -EBUSY while a process is on its way out; -errno.
 */
int cgroup_leaf_give_back(struct cgroup_tree *tree, unsigned int leaf, bool again) must_check;

#endif
