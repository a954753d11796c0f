/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: whole reads and writes, passing them over unix sockets. Thread-safe. */
#ifndef APPSILO_BASE_FD_H
#define APPSILO_BASE_FD_H

#include "base/cleanup.h"
#include <sys/types.h>

#define FD_PASS_MAX 16

/** Let this process open as many descriptors as it may; where that fails, it is as many as before. */
void fd_raise_limit(void);

/** Write all @size bytes. Returns 0; -errno. Retries EINTR and short writes. */
int fd_write_all(int fd, const void *data, size_t size) must_check;

/**
 * Append all @size bytes to @fd, opened with O_APPEND, or nothing of them: what a full disk
 * took of a line is cut off again. Returns 0; -errno.
 */
int fd_append_all(int fd, const void *data, size_t size) must_check;

/**
 * Open @path for a report the user asked for, making it with @mode when missing. A link is
 * not followed, except below /dev and /proc: an app may have planted it in a folder that it
 * may write (CVE-2024-28185). @flags besides O_WRONLY. Returns an fd; -ELOOP; -errno.
 */
int fd_open_report(const char *path, int flags, mode_t mode) must_check;

/**
 * Read a whole small file below directory @dir_fd into @buffer, NUL-terminated.
 * @size  bytes of @buffer, one is kept for the NUL
 * Returns the number of bytes read; -EFBIG if the file is larger; -errno.
 */
ssize_t fd_read_file(int dir_fd, const char *path, char *buffer, size_t size) must_check;

/** Write @text to the file, which exists, in one call: what the kernel's own files ask for. Returns 0; -errno. */
int fd_write_file(int dir_fd, const char *path, const char *text) must_check;

/**
 * Send one message with descriptors on a SOCK_SEQPACKET socket.
 * @fds  borrowed, @n_fds of them, at most FD_PASS_MAX
 * Returns 0; -errno (-EPIPE when the peer is gone; no signal is raised).
 */
int fd_send(int socket_fd, const void *data, size_t size, const int *fds, size_t n_fds) must_check;

/**
 * Receive one message; descriptors arrive close-on-exec and belong to the caller.
 * @ret_fds    array of FD_PASS_MAX; unset ones are -EBADF
 * @flags      MSG_DONTWAIT or 0
 * Returns bytes received, 0 at end of stream, -EMSGSIZE if it was cut, -errno.
 */
ssize_t fd_receive(int socket_fd, void *data, size_t size, int flags,
		   int ret_fds[FD_PASS_MAX]) must_check;

/** Send @size bytes as messages of a bearable size on a SOCK_SEQPACKET socket. Returns 0; -errno. */
int fd_send_long(int socket_fd, const void *data, size_t size) must_check;

/** Receive exactly @size bytes sent by fd_send_long(). Returns 0; -EPIPE when they do not come; -errno. */
int fd_receive_long(int socket_fd, void *data, size_t size) must_check;

#endif
