/* SPDX-License-Identifier: Apache-2.0 */
#ifndef APPSILO_CLI_BROKER_ENTER_H
#define APPSILO_CLI_BROKER_ENTER_H

#include "cli/handoff.h"

/**
 * Of the broker, while it has one thread: go where the user's files are as the builder mounted them, and give
 * up every capability that it does not need there. Returns 0; -errno with the line.
 */
int broker_enter(const struct handoff *handoff, struct appsilo_error *err) must_check;

#endif
