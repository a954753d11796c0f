/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would have to be granted so that a profiled program asks no more: its records, folded
 * into a few lines a person can read. docs/man/appsilo-profile.1.scd, FOLDING, says how. An object belongs to one thread.
 */
#ifndef APPSILO_PROFILE_NEEDS_H
#define APPSILO_PROFILE_NEEDS_H

#include "consent/never.h"
#include "manifest/needed.h"
#include "network/host.h"
#include "profile/records.h"

/* Side by side in one folder: from so many on, the folder is granted. */
#define NEEDS_FOLD 4
/* The same for folders that are much more than one program's business, and for listings alone,
 * which become reading. */
#define NEEDS_FOLD_WIDE 16
/* Different hosts that are named one by one; more become the capability. */
#define NEEDS_HOSTS 8
/* Ports of one host that are named one by one; more become the host, any port. */
#define NEEDS_PORTS 3

/* In the order of what they include. */
enum need_kind { NEED_LIST, NEED_READ, NEED_WRITE };

struct need {
	char *path; /* owned */
	enum need_kind kind;
	bool folder;	  /* and all below */
	bool dropped, in_listed; /* while folding: another includes it; its folder is listed */
	size_t accesses;  /* records that it stands for */
	const char *stack; /* of the first of these that has one, else ""; borrowed from the records */
	const char *caution; /* a sentence; NULL: nothing special */
	const char *capability; /* that opens it, for a package; NULL: none */
	bool system_path;	/* a manifest may bring it into view: SystemPath */
};

struct need_host {
	char text[HOST_TEXT_MAX]; /* as --allow-host takes it */
	const char *capability;	  /* that opens it, too */
	size_t accesses;
	const char *stack;
};

struct needs {
	struct need *list; /* owned; by path */
	size_t n;
	struct need_host *hosts; /* owned; by text */
	size_t n_hosts;
	size_t client, private; /* hosts that are too many to be named: the capability is needed */
	const struct attempt **refused; /* owned; what no grant of these kinds is proposed for */
	size_t n_refused;
};

/* Of the user who is to grant it; borrowed. */
struct needs_places {
	struct never_places never;    /* for cautions */
	struct needed_places needed; /* for capabilities */
};

/** Fold @records. Returns 0; -ENOMEM. */
int profile_needs_find(const struct records *records, const struct needs_places *places, struct needs *ret) must_check;

void profile_needs_done(struct needs *needs);

/** "list", "read", "write" */
const char *need_word(enum need_kind kind);

#endif
