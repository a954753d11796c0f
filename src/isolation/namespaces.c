/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/namespaces.h"

#include "isolation/kernel.h"
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define HOST_NAME "appsilo"

int namespaces_make_rest(struct appsilo_error *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	cleanup_close int fd = -EBADF;

	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return error_set(err, -errno, "init: make the network, ipc, uts and cgroup namespaces");
	/* The filter of a container we are in may forbid it: then the container's name is seen. */
	if (sethostname(HOST_NAME, sizeof(HOST_NAME) - 1) < 0 && errno != EPERM)
		return error_set(err, -errno, "init: host name");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return error_set(err, -errno, "init: bring the loopback up");
	return 0;
}
