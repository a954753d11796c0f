/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fences of appsilo-net, which reads what a hostile program sends: no capability, no
 * program, process, file, namespace or new code; sockets of the internet only.
 */
#ifndef APPSILO_TRANSPORT_SEAL_H
#define APPSILO_TRANSPORT_SEAL_H

#include "base/error.h"

/** Raise them for this process of one thread. Returns 0; -errno with the line. */
int net_seal(struct appsilo_error *err) must_check;

#endif
