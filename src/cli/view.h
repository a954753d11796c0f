/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns grants into the mounts and placeholders of a plan. Runs in the launcher, with the
 * user's own rights, before any namespace exists. docs/ARCHITECTURE.md, Server-mode root.
 */
#ifndef APPSILO_CLI_VIEW_H
#define APPSILO_CLI_VIEW_H

#include "isolation/plan.h"

/* Names shown as placeholders in one folder; more than that and the rest is absent. */
#define VIEW_SIBLINGS_MAX 4096

enum view_kind {
	VIEW_READ,
	VIEW_WRITE,
	VIEW_DENY,
	VIEW_DENY_ALONE, /* a folder, but not what is in it */
	VIEW_DENY_WRITE, /* may still be read, if something allows that */
	VIEW_LIST, /* its names can be listed, nothing else */
	VIEW_CWD, /* exists, but nothing can be done in it */
};

struct view_entry {
	char *path; /* absolute, links resolved; owned */
	enum view_kind kind;
	bool override; /* opens a place of the never list */
	bool refused; /* set by view_plan(): a denial or the never list wins over it */
};

/* Is @path, or may anything below it be, forbidden whatever was granted? */
typedef bool (*view_protected_fn)(void *data, const char *path, bool write, bool below);

struct view {
	struct view_entry *entries; /* owned */
	size_t n, allocated;
	bool hidden; /* names that were not granted are not shown */
	view_protected_fn is_protected; /* NULL: nothing is */
	void *data;
};

/** True for places the sandbox makes up: never taken from the host by themselves. */
bool view_is_virtual(const char *path);
/** The private writable places (/tmp, /var/tmp, /run, /dev/shm), NULL-ended. */
extern const char *const view_private_places[];
/** True for them and what lies below. */
bool view_is_private(const char *path);

/** True when a directory at @path is not in the view by itself: the user's own places, and
 * what lies below (but is not) a private place. */
bool view_needs_place(const char *path);

/** Add @path (absolute, clean). Returns 0; -ENOMEM. */
int view_add(struct view *view, const char *path, enum view_kind kind) must_check;

/**
 * Fill plan->mounts and plan->placeholders for server mode.
 * Returns 0; -errno with the line.
 */
int view_plan(struct view *view, struct plan *plan, struct appsilo_error *err) must_check;

/**
 * Is something refused below a place that may be changed? Plain mounts can only keep what is refused
 * by taking the folders on the way to it away from being changed, names that are not there yet too.
 */
bool view_needs_broker(const struct view *view);

/** Let current directory @path exist, with nothing in it, where the sandbox makes the place up
 * (/sys/kernel, /etc/ssh). Returns 0; -ENOMEM. */
int plan_add_made_cwd(struct plan *plan, const char *path) must_check;

/** Append to the plan. The path is copied. Return 0; -ENOMEM. */
int plan_add_mount(struct plan *plan, const char *path, enum plan_mount_kind kind) must_check;
int plan_add_placeholder(struct plan *plan, const char *path, mode_t mode,
			 const char *target) must_check;

#endif
