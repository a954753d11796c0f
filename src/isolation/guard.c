/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/guard.h"

#include "isolation/kernel.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "broker_filter.h"

int guard_seal(bool agent, bool carries, struct appsilo_error *err)
{
	static const struct sock_fprog programs[2][2] = {
		{{ARRAY_SIZE(filter_broker), (struct sock_filter *)filter_broker},
		 {ARRAY_SIZE(filter_broker_agent), (struct sock_filter *)filter_broker_agent}},
		{{ARRAY_SIZE(filter_broker_net), (struct sock_filter *)filter_broker_net},
		 {ARRAY_SIZE(filter_broker_net_agent), (struct sock_filter *)filter_broker_net_agent}},
	};
	const struct sock_fprog *program = &programs[carries][agent];
	long r;

	/* The filter takes no_new_privs to the other threads as well. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "broker: no_new_privs");
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, program);

	if (r == 0)
		return 0;
	/* A positive number names the thread that could not follow. */
	return error_set(err, r < 0 ? -errno : -ESRCH, "broker: seccomp filter for all threads");
}
