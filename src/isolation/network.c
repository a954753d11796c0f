/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/network.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C /* Linux 4.10: the network namespace of a socket */
#endif

static void *make(void *data)
{
	struct network *n = data;
	cleanup_close int fd = -EBADF;
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	n->failed_step = "make a network namespace";
	if (unshare(CLONE_NEWNET) < 0) {
		n->ns_fd = -errno;
		return NULL;
	}
	n->failed_step = "bring the loopback up";
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
		n->ns_fd = -errno;
		return NULL;
	}
	n->failed_step = "find the network namespace";
	n->ns_fd = ioctl(fd, SIOCGSKNS);
	if (n->ns_fd < 0)
		n->ns_fd = -errno;
	return NULL;
}

int network_start(struct network *n, struct appsilo_error *err)
{
	int r = -pthread_create(&n->thread, NULL, make, n);

	return r < 0 ? error_set(err, r, "init: start a thread") : 0;
}

int network_enter(struct network *n, struct appsilo_error *err)
{
	cleanup_close int fd = -EBADF;
	int r = -pthread_join(n->thread, NULL);

	if (r == 0)
		r = fd = n->ns_fd;
	if (r < 0)
		return error_set(err, r, "init: %s", n->failed_step);
	if (setns(fd, CLONE_NEWNET) < 0)
		return error_set(err, -errno, "init: enter the network namespace");
	return 0;
}
