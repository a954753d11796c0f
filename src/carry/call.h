/* SPDX-License-Identifier: Apache-2.0 */
/* One reported call about a socket: what it is about, as we hold it. */
#ifndef APPSILO_CARRY_CALL_H
#define APPSILO_CARRY_CALL_H

#include "base/cleanup.h"
#include "carry/caller.h"
#include "network/address.h"
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct call {
	uint64_t id; /* of the notification */
	pid_t tid;
	int fd;	       /* the app's number */
	int socket_fd; /* the same open file, ours; owned */
	int domain;    /* AF_INET, AF_INET6, AF_UNIX */
	bool tcp;
	bool bound; /* to an address or a port */
	bool hosts; /* a socket of the host's network: one that we put there */
	struct sockaddr_storage address;
	socklen_t size;
	bool judged; /* address is allowed */
	uint32_t row; /* of the judge's account, where it is */
	struct net_address target; /* of address, if it is one of the internet */
	uint16_t port;
};

/**
 * How did the connection on @socket_fd end that @call began or waits for? As connect(2) would say, but
 * without calling it on one of the host's with an address that nobody has judged: after a failure it would
 * begin another connection.
 * Returns 0; -EINPROGRESS; -errno.
 */
int call_result(int socket_fd, const struct call *call) must_check;

#define CALL_NONE ((struct call){.socket_fd = -EBADF})

/** Which network namespace a socket is of. Returns 0; -errno. */
int call_netns_cookie(int socket_fd, uint64_t *ret) must_check;

/**
 * Fill in the caller's socket. @own_cookie is of our network namespace.
 * Returns 0; -errno, as the call is to fail. @ret is to be released with call_done(), whatever comes.
 */
int call_find_socket(const struct seccomp_notif *notif, uint64_t own_cookie, struct caller *last,
		     struct call *ret) must_check;

/** Fill in the address that @notif names. Returns 0; -errno, as the call is to fail. */
int call_read_address(const struct seccomp_notif *notif, struct call *call) must_check;

void call_done(struct call *call);

/** connect(2), which does not wait: EINPROGRESS. The app's flag is as it was. Returns 0; -errno. */
int call_connect(int socket_fd, const struct call *call, bool blocking) must_check;

#endif
