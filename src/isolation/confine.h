/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking rights away from the calling process: capabilities, seccomp, limits. Runs in the
 * sandbox's init after the root is built. Single-threaded.
 */
#ifndef APPSILO_ISOLATION_CONFINE_H
#define APPSILO_ISOLATION_CONFINE_H

#include "isolation/plan.h"

/**
 * Become @uid and @gid, without groups: groups, gid, uid, in this order (isolate 2.5 dropped uid
 * without gid). Raw calls: the C library would change its other threads too, also those that
 * are of another process in the same memory. Returns 0; -errno.
 */
int confine_become(uid_t uid, gid_t gid) must_check;

/** Drop every capability, the bounding and ambient sets. Returns 0; -errno. */
int confine_drop_caps(void) must_check;

/** Drop every capability but those of @keep (1 << CAP_...) that are held. Returns 0; -errno. */
int confine_keep_caps(uint64_t keep) must_check;

/* What the sandbox's filter reports. */
enum confine_report {
	CONFINE_WRITES = 1 << 0,  /* calls that write */
	CONFINE_SOCKETS = 1 << 1, /* connect, bind, listen: carry/carry.h */
};

/** Is what CONFINE_SOCKETS needs there: Landlock for TCP (@abi) and pidfds of threads (Linux 6.9)? */
bool confine_can_report_sockets(int abi);

/**
 * Install the sandbox's filter for this process and its children. Needs no_new_privs.
 * @report  of enum confine_report
 * @ret_fd  listener when anything is reported, else untouched; close-on-exec, caller owns
 * Returns 0; -errno.
 */
int confine_seccomp(unsigned int report, int *ret_fd) must_check;

/** As confine_seccomp(), but for a zygote (plan.h, nest): namespaces and mounts are let through. */
int confine_seccomp_nest(void) must_check;

/** In a child of such a zygote: take these from it, too. With what it inherited that is the filter of
 * confine_seccomp(0). Returns 0; -errno. */
int confine_seccomp_nested(void) must_check;

/* Of address space, beyond the limit of memory. */
#define CONFINE_SPARE_SPACE ((uint64_t)1 << 30)

/** rlimits of @limits. Returns 0; -errno. */
int confine_rlimits(const struct plan_limits *limits) must_check;

#endif
