/* SPDX-License-Identifier: Apache-2.0 */
/* Starting appsilo-net, the network of one sandbox. docs/ARCHITECTURE.md, Network. */
#ifndef APPSILO_CLI_NET_START_H
#define APPSILO_CLI_NET_START_H

#include "broker/net_program.h"
#include "cli/run_options.h"
#include "isolation/plan.h"

/**
 * Make ready to start it by @options for @plan, whose net_fd and net_judge_fd are set: the first for
 * init, the second for whoever answers its questions; both close-on-exec and the caller's.
 * Returns 0; -errno with the line, and what @ret has by then is to be closed all the same.
 */
int net_prepare(const struct run_options *options, struct plan *plan, struct net_program *ret,
		struct appsilo_error *err) must_check;

/**
 * Start it by @options, as net_prepare() makes it ready. In a root run it gets the app's uid. It dies with the calling process.
 * Returns 0; -errno with the line.
 */
int net_start(const struct run_options *options, struct plan *plan,
	      struct appsilo_error *err) must_check;

#endif
