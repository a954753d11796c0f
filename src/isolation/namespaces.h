/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces that the sandbox's root does not depend on: network (empty but for its own
 * loopback; making one is the largest single cost of a start), ipc, uts and cgroup. Init
 * makes them while another of its threads builds the root.
 */
#ifndef APPSILO_ISOLATION_NAMESPACES_H
#define APPSILO_ISOLATION_NAMESPACES_H

#include "base/error.h"

/**
 * Move the calling thread into new ones, with the loopback up and the sandbox's host name.
 * Needs capabilities in the user namespace. Returns 0; -errno with the line.
 */
int namespaces_make_rest(struct appsilo_error *err) must_check;

#endif
