/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/broker_enter.h"

#include "isolation/confine.h"
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <unistd.h>

/* The broker changes files with the app's words: with capabilities they would be open whatever
 * their mode says, could be given away, and would keep their set-id bits. Entering a user
 * namespace gives every capability in it. What root's broker keeps: reading the calls of the app,
 * which has another uid, and walking through folders, which no consent is about. */
static int drop_rights(struct appsilo_error *err)
{
	uint64_t keep = geteuid() == 0 ? 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH : 0;
	int r = confine_keep_caps(keep);

	return r < 0 ? error_set(err, r, "run: drop the broker's capabilities") : 0;
}

int broker_enter(const struct handoff *handoff, struct appsilo_error *err)
{
	const int *fds = handoff->fds;
	char here[PATH_MAX];

	if (!getcwd(here, sizeof(here)) ||
	    (fds[HANDOFF_USER_NS] >= 0 && setns(fds[HANDOFF_USER_NS], CLONE_NEWUSER) < 0) ||
	    setns(fds[HANDOFF_MOUNT_NS], CLONE_NEWNS) < 0 || chdir(here) < 0)
		return error_set(err, -errno, "run: enter the broker's namespaces");
	return drop_rights(err);
}
