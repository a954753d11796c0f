/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/seal.h"

#include "isolation/kernel.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "net_filter.h"

/* Whatever it was started with. The bounding set does not matter to what can execute nothing,
 * and changing it would need a capability. */
static int drop_caps(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
			       syscall(SYS_capset, &header, none) < 0
		       ? -errno
		       : 0;
}

int net_seal(struct appsilo_error *err)
{
	const struct sock_fprog program = {ARRAY_SIZE(filter_net), (struct sock_filter *)filter_net};
	struct rlimit none = {0, 0};
	int r;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "network: give up rights");
	r = drop_caps();
	if (r < 0)
		return error_set(err, r, "network: drop capabilities");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return error_set(err, -errno, "network: seccomp filter");
	return 0;
}
