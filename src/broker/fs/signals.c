/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/fs/signals.h"

#include "base/fd.h"
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

static uint64_t mask(const char *status, const char *field)
{
	const char *at = strstr(status, field);

	return at ? strtoull(at + strlen(field), NULL, 16) : 0;
}

static uint64_t bit(int signal)
{
	return (uint64_t)1 << (signal - 1);
}

bool signals_end_wait(pid_t tid)
{
	const uint64_t harmless = bit(SIGWINCH) | bit(SIGCHLD) | bit(SIGCONT) | bit(SIGURG);
	char path[40], status[4096];
	uint64_t pending;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return true;
	pending = (mask(status, "\nSigPnd:\t") | mask(status, "\nShdPnd:\t")) &
		  ~mask(status, "\nSigBlk:\t");
	/* None: another thread took it, or it was the kind that ends everything. */
	return pending == 0 || (pending & ~harmless) != 0;
}
