/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --result: how a run ended, as one JSON object. DESIGN section 5. */
#ifndef APPSILO_CLI_RESULT_H
#define APPSILO_CLI_RESULT_H

#include "isolation/monitor.h"
#include "network/account.h"

struct result_counts {
	int64_t asked, allowed, denied;
	const struct net_account *network; /* borrowed; NULL: no host was tried */
};

/** Open @path before the run, so that a bad one is an error then. Returns an fd; -errno. */
int result_open(const char *path, struct appsilo_error *err) must_check;

/** Write the outcome and close nothing. Returns 0; -errno with the line. */
int result_write(int fd, const struct monitor_outcome *outcome, const char *package,
		 const char *run_id, const struct result_counts *counts,
		 struct appsilo_error *err) must_check;

/** The outcome of a run that did not come to its program. A write that fails is not told: @why is. */
void result_write_failure(int fd, int exit_code, const char *package, const struct appsilo_error *why);

#endif
