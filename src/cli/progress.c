/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "base/clock.h"
#include "cli/interrupt.h"
#include <stdio.h>
#include <unistd.h>

#define QUIET_MS 1000
#define WIDTH 40

void progress_start(struct progress *progress, const char *what)
{
	*progress = (struct progress){
		.what = what, .start_ms = clock_monotonic_ms(), .terminal = isatty(STDERR_FILENO)};
}

int progress_tell(void *data, uint64_t done, uint64_t total)
{
	static const char bar[] = "########################################";
	struct progress *p = data;
	double share = total ? (double)done / (double)total : 1;
	int n = (int)(share * WIDTH);

	if (!p->terminal || clock_monotonic_ms() - p->start_ms < QUIET_MS)
		return interrupt_signal();
	fprintf(stderr, "\r%s [%-*.*s] %3d%% of %llu MiB ", p->what, WIDTH, n > WIDTH ? WIDTH : n, bar,
		(int)(share * 100), (unsigned long long)(total >> 20));
	fflush(stderr);
	p->drawn = true;
	return interrupt_signal();
}

void progress_end(struct progress *progress)
{
	if (progress->drawn)
		fprintf(stderr, "\r\033[K");
	progress->drawn = false;
}
