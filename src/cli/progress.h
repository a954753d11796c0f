/* SPDX-License-Identifier: Apache-2.0 */
/* A bar on the terminal for what takes longer than a second. */
#ifndef APPSILO_CLI_PROGRESS_H
#define APPSILO_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "packing"; borrowed */
	int64_t start_ms;
	bool terminal; /* stderr is one */
	bool drawn;
};

void progress_start(struct progress *progress, const char *what);
/** For struct msix_options. @data is a struct progress. Returns 0. */
int progress_tell(void *data, uint64_t done, uint64_t total);
/** Take the bar away. */
void progress_end(struct progress *progress);

#endif
