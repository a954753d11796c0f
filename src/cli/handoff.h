/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the front hands to the broker by exec: descriptors and facts as words of argv, then
 * the front's own words, which the broker parses with the same table.
 */
#ifndef APPSILO_CLI_HANDOFF_H
#define APPSILO_CLI_HANDOFF_H

#include "base/error.h"
#include <sys/types.h>

struct handoff {
	int fuse_fd;	/* /dev/fuse, mounted */
	int control_fd; /* to init */
	int helper_fd;	/* to H */
	int watch_fd;	/* inotify; H holds it too: closing the last one takes milliseconds */
	pid_t init_pid;
	uid_t app_uid;
	const char *family, *app, *real, *cwd, *home; /* borrowed from argv */
	char *const *words; /* the front's argv */
};

#define HANDOFF_NUMBERS 6
#define HANDOFF_WORDS (1 + HANDOFF_NUMBERS + 5)

/** Fill @ret (room for HANDOFF_WORDS + 1) with the words; numbers are written to @numbers. */
void handoff_write(const struct handoff *h, const char *program, char numbers[HANDOFF_NUMBERS][16],
		   char *ret[HANDOFF_WORDS + 1]);

/** Read them back. Returns 0; -EINVAL. */
int handoff_read(int argc, char *const *argv, struct handoff *ret) must_check;

#endif
