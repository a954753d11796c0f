/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of a plan that is only known after init has been started: the launcher finds it
 * out while init builds what every sandbox has. Goes over the control socket, once.
 */
#ifndef APPSILO_ISOLATION_PLAN_WIRE_H
#define APPSILO_ISOLATION_PLAN_WIRE_H

#include "isolation/plan.h"

/** Send program, environment, places, mounts, placeholders and net_fd of @plan. Returns 0; -errno. */
int plan_send_rest(int socket_fd, const struct plan *plan) must_check;

/**
 * Receive them into @plan; what they point into lives as long as the process.
 * Returns 0; -EPIPE when the launcher has gone; -EBADMSG; -ENOMEM; -errno.
 */
int plan_receive_rest(int socket_fd, struct plan *plan) must_check;

#endif
