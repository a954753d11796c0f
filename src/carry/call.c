/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/call.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int option(int fd, int name, int *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, name, ret, &size) < 0 ? -errno : 0;
}

int call_netns_cookie(int socket_fd, uint64_t *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(socket_fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0 ? -errno : 0;
}

static int read_own_address(struct call *call)
{
	struct sockaddr_storage address = {0};
	struct net_address own;
	socklen_t size = sizeof(address);
	uint16_t port;

	if (getsockname(call->socket_fd, (struct sockaddr *)&address, &size) < 0)
		return -errno;
	call->domain = address.ss_family;
	call->bound = net_address_from_sockaddr((struct sockaddr *)&address, size, &own, &port) == 0 &&
		      (port != 0 || net_address_place(&own) != NET_LOOPBACK); /* of which "any" is one */
	return 0;
}

int call_find_socket(const struct seccomp_notif *notif, uint64_t own_cookie, struct caller *last,
		     struct call *ret)
{
	int protocol = 0, r;
	uint64_t cookie = 0;

	*ret = (struct call){.id = notif->id,
			     .tid = (pid_t)notif->pid,
			     .fd = (int)notif->data.args[0],
			     .socket_fd = -EBADF};
	ret->socket_fd = caller_take_fd(last, ret->tid, ret->fd);
	if (ret->socket_fd < 0)
		return ret->socket_fd;
	r = read_own_address(ret);
	if (r < 0 || ret->domain == AF_UNIX)
		return r;
	r = option(ret->socket_fd, SO_PROTOCOL, &protocol);
	ret->tcp = protocol == IPPROTO_TCP;
	if (r == 0 && ret->tcp)
		r = call_netns_cookie(ret->socket_fd, &cookie);
	ret->hosts = cookie == own_cookie;
	return r;
}

int call_read_address(const struct seccomp_notif *notif, struct call *call)
{
	int size = (int)notif->data.args[2];
	int r;

	if (size < 0 || (size_t)size > sizeof(call->address))
		return -EINVAL;
	memset(&call->address, 0, sizeof(call->address));
	r = size > 0 ? caller_read(call->tid, notif->data.args[1], &call->address, (size_t)size) : 0;
	if (r < 0)
		return r == -EFAULT ? r : -EACCES;
	call->size = (socklen_t)size;
	r = net_address_from_sockaddr((const struct sockaddr *)&call->address, call->size,
				      &call->target, &call->port);
	if (r < 0)
		call->target.family = AF_UNSPEC;
	return 0;
}

void call_done(struct call *call)
{
	close_keep_errno(TAKE_FD(call->socket_fd));
}

int call_connect(int socket_fd, const struct call *call, bool blocking)
{
	int flags = blocking ? fcntl(socket_fd, F_GETFL) : 0;
	int r;

	/* Nobody but the caller, who waits for us, has reason to look at the flag now. */
	if (blocking && (flags < 0 || fcntl(socket_fd, F_SETFL, flags | O_NONBLOCK) < 0))
		return -errno;
	r = connect(socket_fd, (const struct sockaddr *)&call->address, call->size) < 0 ? -errno : 0;
	if (blocking && fcntl(socket_fd, F_SETFL, flags) < 0)
		return -errno;
	return r;
}

/* TCP's own word. */
static int state_of(int socket_fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	int error = 0;

	if (getsockopt(socket_fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return -errno;
	if (info.tcpi_state == TCP_SYN_SENT || info.tcpi_state == TCP_SYN_RECV)
		return -EINPROGRESS;
	if (info.tcpi_state != TCP_CLOSE)
		return 0;
	size = sizeof(error);
	if (getsockopt(socket_fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return error ? -error : -ECONNABORTED; /* another call was told */
}

int call_result(int socket_fd, const struct call *call)
{
	int r = call->judged || !call->hosts ? call_connect(socket_fd, call, true) : state_of(socket_fd);

	return r == -EISCONN ? 0 : r == -EALREADY ? -EINPROGRESS : r;
}
