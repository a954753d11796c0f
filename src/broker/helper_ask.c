/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/helper.h"

#include "base/fd.h"
#include <sys/socket.h>

int helper_send(int helper_fd, struct helper_request *q, const int *fds, size_t n_fds)
{
	int all[FD_PASS_MAX], pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	for (size_t i = 0; i < n_fds; i++)
		all[i] = fds[i];
	all[n_fds] = pair[1];
	q->n_fds = (uint32_t)n_fds;
	r = fd_send(helper_fd, q, sizeof(*q), all, n_fds + 1);
	close(pair[1]);
	if (r < 0)
		close(pair[0]);
	return r < 0 ? r : pair[0];
}

int helper_wait(int reply_fd, int *ret_fd)
{
	cleanup_close int owned_fd = reply_fd;
	struct helper_reply reply;
	int came[FD_PASS_MAX];
	char none;

	if (ret_fd)
		*ret_fd = -EBADF;
	if (fd_receive(owned_fd, &reply, sizeof(reply), 0, came) != sizeof(reply))
		return -EPIPE;
	if (ret_fd) {
		*ret_fd = came[0];
		(void)!recv(owned_fd, &none, 1, 0); /* until the helper's child has gone, and its descriptor */
	}
	for (size_t i = ret_fd ? 1 : 0; i < FD_PASS_MAX; i++)
		close_keep_errno(came[i]);
	return reply.result;
}

int helper_ask(int helper_fd, struct helper_request *q, const int *fds, size_t n_fds)
{
	int reply_fd = helper_send(helper_fd, q, fds, n_fds);

	return reply_fd < 0 ? reply_fd : helper_wait(reply_fd, NULL);
}
