/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run leaves in its home, sent to the pool by the sandbox's init once nothing of the run
 * lives. The server never looks into a place that a run could write (CVE-2024-28185): it gets
 * bytes, and names to judge. Init is fenced in as the run was: links and tricks lead nowhere else.
 */
#ifndef APPSILO_SERVER_COLLECT_H
#define APPSILO_SERVER_COLLECT_H

#include <stdint.h>

/**
 * Send the regular files below the current directory, as zygote_wire.h says; what is too much is
 * left out.
 * @bytes_max  of all contents together
 */
void collect_send(int socket_fd, uint64_t bytes_max);

#endif
