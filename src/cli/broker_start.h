/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prompting run: the front makes the namespaces, the FUSE mount, the sandbox's init and
 * the attach helper, then becomes the broker. Init builds the root while the broker loads.
 */
#ifndef APPSILO_CLI_BROKER_START_H
#define APPSILO_CLI_BROKER_START_H

#include "cli/prepare.h"

/** Returns only on failure: -errno with the line. @argv is the front's own. */
int broker_start(struct prepared *p, char *const *argv, struct appsilo_error *err) must_check;

#endif
