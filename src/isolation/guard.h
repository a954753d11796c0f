/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's own fences: it reads what a hostile program sends, so what it could be made
 * to do is cut down before that program starts. docs/ARCHITECTURE.md, Processes.
 *
 * Its capabilities went at the start, while it had one thread (confine.h).
 *
 * Not Landlock: whoever is under it may not look into processes outside its domain
 * (landlock(7), "Ptrace restrictions"), and the broker reads the arguments of the calls that
 * the app's filter reports. What Landlock would forbid beside that, the filter does.
 */
#ifndef APPSILO_ISOLATION_GUARD_H
#define APPSILO_ISOLATION_GUARD_H

#include "base/error.h"
#include <stdbool.h>

/**
 * no_new_privs and the filter in every thread: no program, process, namespace, mount, device node,
 * new code or network socket any more.
 * @agent    may make unix sockets and connect them (a prompter behind a socket); without,
 *           the session's D-Bus, which would start programs for us, is out of reach
 * @carries  may make TCP sockets, and take those of the app: a network is in force (carry/carry.h)
 * Returns 0; -errno with the line.
 */
int guard_seal(bool agent, bool carries, struct appsilo_error *err) must_check;

#endif
