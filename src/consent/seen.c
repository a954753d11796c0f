/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/seen.h"

#include "base/clock.h"
#include "base/fd.h"
#include <fcntl.h>
#include <time.h>

#define LOOK_NS 1000000

int64_t seen_now(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

int seen_open(const char *data_dir)
{
	int fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void seen_hold(int fd, int64_t now)
{
	struct flock own = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = now, .l_len = 1};
	struct flock older = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = now};

	/* The new one first: in between, nobody may think that we are not there. */
	if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &own) == 0)
		(void)fcntl(fd, F_OFD_SETLK, &older);
}

bool seen_wait(const char *data_dir, int64_t now, int timeout_ms)
{
	int64_t end = clock_monotonic_ms() + timeout_ms;
	cleanup_close int fd = now > 0 ? seen_open(data_dir) : -EBADF;

	while (fd >= 0) {
		struct flock older = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = now};

		if (fcntl(fd, F_OFD_GETLK, &older) < 0 || older.l_type == F_UNLCK)
			return true;
		if (clock_monotonic_ms() >= end)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
	return true;
}
