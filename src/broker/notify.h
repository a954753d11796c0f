/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp listener. Calls that write, in case they hit a folder that is attached
 * read-only, where the kernel would say EROFS without a question: the notification only
 * triggers the question; the read-only mount enforces. So answering CONTINUE is safe
 * whatever another thread does to the arguments meanwhile. Where the mount stays read-only
 * though the call may be made, it is carried out for the app (broker/perform.h). And, with a
 * network, calls about sockets (carry/carry.h). Runs in its own thread.
 */
#ifndef APPSILO_BROKER_NOTIFY_H
#define APPSILO_BROKER_NOTIFY_H

#include "base/error.h"
#include "broker/attach.h"
#include "broker/gate.h"
#include "carry/carry.h"

/**
 * Serve @listener_fd (taken over) until the sandbox ends.
 * @view_dev  the device number of the brokered view
 * @carry  listening, used by the thread from now on; NULL: no network
 * Returns 0; -errno.
 */
int notify_start(int listener_fd, dev_t view_dev, struct gate *gate, struct attach *attach,
		 struct carry *carry) must_check;

#endif
