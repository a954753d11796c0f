/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live attach: consented folders become mounts in the sandbox, so that the kernel serves
 * them with no broker in the way. docs/ARCHITECTURE.md, Live attach. Threads: any; one
 * change of mounts at a time.
 */
#ifndef APPSILO_BROKER_ATTACH_H
#define APPSILO_BROKER_ATTACH_H

#include "base/error.h"
#include "broker/attach_rules.h"
#include "broker/helper.h"
#include "broker/perform.h"
#include <stdbool.h>

/* Mounts a run may have; beyond it, folders stay on FUSE. */
#define ATTACH_MAX 512
/* Mounts remembered as taken off for a moment; an older one may come back early. */
#define ATTACH_RELEASED_MAX 32

struct attach;

/**
 * @helper_fd  taken over
 * @decider    borrowed
 * @idle       attach nothing, everything stays on FUSE; for tests
 * Returns 0; -errno.
 */
int attach_new(int helper_fd, const struct decider *decider, bool idle, struct attach **ret) must_check;
void attach_free(struct attach *a);

/* A folder to be attached while the sandbox's root is built. */
struct attach_start {
	char *path; /* owned */
	enum attach_state state;
};

/** Whether read consents may be attached: only where calls that write are reported. */
void attach_allow_read_only(struct attach *a, bool allowed);

/**
 * What would be attached for @folder now, if it is not below an entry of @list already.
 * @list, @n  entries so far, room for one more; a new one is the caller's
 * Returns true when one was added.
 */
bool attach_plan(struct attach *a, const char *folder, struct attach_start *list, size_t *n);

/** The sandbox's init has attached @entry. */
void attach_started(struct attach *a, struct attach_start *entry);

/** Attach what holds @folder, if rules let it be attached. Blocks about a millisecond. */
void attach_consider(struct attach *a, const char *folder);

/** As attach_consider(), from a thread that must not wait: done by attach's own thread. */
void attach_consider_later(struct attach *a, const char *folder);

/**
 * Take off the mounts at and below @path, and leave them off for a moment, so that FUSE serves the
 * next call: a mount point cannot be renamed or removed, and with a folder above it the mount would move
 * to where no rule allows it. Returns whether there is none any more.
 */
bool attach_release(struct attach *a, const char *path);

/** Rules changed: bring every attached mount to what the rules now say. */
void attach_review(struct attach *a);

/** As attach_review(), from a thread that must not wait, which the prompt thread is one of: a
 * change of mounts may wait for a call of the app, and that call for an answer. */
void attach_review_later(struct attach *a);

/** Is no review to come or under way that attach_review_later() was asked for? */
bool attach_is_reviewed(struct attach *a);

/** From now on @call(@data), quickly, after each of those, unless another is due already. */
void attach_on_reviewed(struct attach *a, void (*call)(void *data), void *data);

/** Is @path below an attached mount, and which? @ret_root may be NULL. */
enum attach_state attach_find(struct attach *a, const char *path, char ret_root[PATH_MAX]);
/** Could a mount of ours refuse a call that writes at @path, which is read-only or one the app works
 * in though it was taken off? NULL: anywhere; cheap. */
bool attach_may_refuse(struct attach *a, const char *path);
/** Is anything attached? Cheap. */
bool attach_any(struct attach *a);

/**
 * Have the helper make a call for the app. Blocks as long as the call does.
 * @on_child  called with the process that will make it, before it does
 * @ret_fd  of a call that opens, the new descriptor, the caller's; else -EBADF
 * Returns 0; -errno, what the app is to get.
 */
int attach_perform(struct attach *a, const struct perform_call *call, void (*on_child)(void *data, pid_t pid),
		   void *data, int *ret_fd) must_check;

/** Start the `exec:` prompter of this run in the helper. Returns pid; -errno. */
int attach_spawn(void *attach, const char *command, const int fds[3]);

#endif
