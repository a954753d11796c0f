/* SPDX-License-Identifier: Apache-2.0 */
/* From the options of `run` to a network policy, and the variables that name a proxy. */
#ifndef APPSILO_CLI_NETWORK_H
#define APPSILO_CLI_NETWORK_H

#include "cli/run_options.h"
#include "network/policy.h"

/** Do the words themselves open a host? */
bool network_wanted(const struct run_options *options);

/** Does this run ask (or, profiled, record) what hosts? Not in server mode, and not where --net says "none". */
bool network_asks(const struct run_options *options);

/**
 * The capabilities and rules of the command line and of the package, whose words are options
 * too. The stored rules come later.
 * Returns 0 and a policy of the caller's; -errno with the line.
 */
int network_policy(const struct run_options *options, struct net_policy **ret,
		   struct appsilo_error *err) must_check;

/* The variables of --proxy, NULL at the end. Each is the URL. */
extern const char *const network_proxy_variables[];
/* And what is reached without it, for "no_proxy" and "NO_PROXY": the sandbox's own loopback. */
#define NETWORK_NO_PROXY "localhost,127.0.0.1,::1"

#endif
