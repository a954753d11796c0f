/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which changes of the store the running brokers have seen. Each holds a lock on the store's folder,
 * on the "byte" whose number is the moment it began to look last; so whoever has changed the
 * store can wait until no lock is older. A broker that dies loses its lock.
 */
#ifndef APPSILO_CONSENT_SEEN_H
#define APPSILO_CONSENT_SEEN_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

/** Of a broker: returns a descriptor of @data_dir; -errno. */
int seen_open(const char *data_dir) must_check;

/** Now, as the functions below want it. */
int64_t seen_now(void);

/** Of a broker: all that the store said at @now holds. @fd may be negative. */
void seen_hold(int fd, int64_t now);

/** Wait until each running broker has looked after @now, @timeout_ms at most. 0: not at all. Returns whether
 * they have. */
bool seen_wait(const char *data_dir, int64_t now, int timeout_ms);

#endif
