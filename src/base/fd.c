/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Well below what a socket buffers by default. */
#define MESSAGE_MAX 65536

void fd_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_append_all(int fd, const void *data, size_t size)
{
	size_t done = 0;
	struct stat st;
	off_t end;
	int r;

	while (done < size) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	if (done == size)
		return 0;
	r = -errno;
	end = lseek(fd, 0, SEEK_CUR);
	/* Unless another process has appended to the file since. */
	if (done > 0 && end > 0 && fstat(fd, &st) == 0 && st.st_size == end)
		(void)!ftruncate(fd, end - (off_t)done);
	return r;
}

int fd_open_report(const char *path, int flags, mode_t mode)
{
	bool of_host = strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | flags |
		      (of_host ? 0 : O_NOFOLLOW), mode);

	return fd < 0 ? -errno : fd;
}

ssize_t fd_read_file(int dir_fd, const char *path, char *buffer, size_t size)
{
	cleanup_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used < size) {
		ssize_t n = read(fd, buffer + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			buffer[used] = '\0';
			return (ssize_t)used;
		}
		used += (size_t)n;
	}
	return -EFBIG;
}

int fd_write_file(int dir_fd, const char *path, const char *text)
{
	cleanup_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

int fd_send(int socket_fd, const void *data, size_t size, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (n_fds > FD_PASS_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	}
	for (;;) {
		if (sendmsg(socket_fd, &message, MSG_NOSIGNAL) >= 0)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

static void take_fds(struct msghdr *message, int ret_fds[FD_PASS_MAX])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret_fds, CMSG_DATA(c), (n < FD_PASS_MAX ? n : FD_PASS_MAX) * sizeof(int));
	}
}

ssize_t fd_receive(int socket_fd, void *data, size_t size, int flags, int ret_fds[FD_PASS_MAX])
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.space,
				 .msg_controllen = sizeof(control.space)};
	ssize_t n;

	for (size_t i = 0; i < FD_PASS_MAX; i++)
		ret_fds[i] = -EBADF;
	do {
		n = recvmsg(socket_fd, &message, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&message, ret_fds);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < FD_PASS_MAX; i++)
			close_keep_errno(TAKE_FD(ret_fds[i]));
		return -EMSGSIZE;
	}
	return n;
}

int fd_send_long(int socket_fd, const void *data, size_t size)
{
	const char *at = data;
	int r = 0;

	while (r == 0 && size > 0) {
		size_t n = size < MESSAGE_MAX ? size : MESSAGE_MAX;

		r = fd_send(socket_fd, at, n, NULL, 0);
		at += n;
		size -= n;
	}
	return r;
}

int fd_receive_long(int socket_fd, void *data, size_t size)
{
	char *at = data;

	while (size > 0) {
		ssize_t n = recv(socket_fd, at, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}
