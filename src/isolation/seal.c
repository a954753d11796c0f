/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/seal.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

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

int seal_process(const struct sock_fprog *filter, const char *who, struct appsilo_error *err)
{
	struct rlimit none = {0, 0};
	int r;

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "%s: give up rights", who);
	r = drop_caps();
	if (r < 0)
		return error_set(err, r, "%s: drop capabilities", who);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0)
		return error_set(err, -errno, "%s: seccomp filter", who);
	return 0;
}
