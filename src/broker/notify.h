/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp listener: calls that write, in case they hit a folder that is attached
 * read-only, where the kernel would say EROFS without a question. The notification only
 * triggers the question; the read-only mount enforces. So answering CONTINUE is safe
 * whatever another thread does to the arguments meanwhile. Runs in its own thread.
 */
#ifndef APPSILO_BROKER_NOTIFY_H
#define APPSILO_BROKER_NOTIFY_H

#include "base/error.h"
#include "broker/attach.h"
#include "broker/gate.h"

/** Serve @listener_fd (taken over) until the sandbox ends. Returns 0; -errno. */
int notify_start(int listener_fd, struct gate *gate, struct attach *attach) must_check;

#endif
