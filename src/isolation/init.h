/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's pid 1: builds the root, raises the fences, proves them, starts the app,
 * reaps, reports. Runs in the child of launch_init(); never returns.
 */
#ifndef APPSILO_ISOLATION_INIT_H
#define APPSILO_ISOLATION_INIT_H

#include "isolation/plan.h"

/** Life of pid 1, with a @plan of its own. All it has to say goes over plan->control_fd. */
void init_run(struct plan *plan) __attribute__((noreturn));

/**
 * Write the id maps of process @pid ("self" when 0): one id each, inner equal to outer.
 * Every descriptor is checked to be procfs (CVE-2025-52881). @setgroups_deny as an
 * unprivileged writer must. Returns 0; -errno.
 */
int init_write_id_maps(pid_t pid, uid_t uid, gid_t gid, bool setgroups_deny) must_check;

#endif
