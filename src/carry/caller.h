/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process behind a notification of the app's seccomp filter: its memory, its descriptors.
 * What is read here may be somebody else's if the caller has gone meanwhile: whoever uses it
 * asks first whether the notification still stands. Thread-safe with a struct caller of one's own.
 */
#ifndef APPSILO_CARRY_CALLER_H
#define APPSILO_CARRY_CALLER_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Sets of epoll(7) that a process has; more are not told apart. */
#define CALLER_EPOLLS_MAX 8

/** Copy @size bytes of thread @tid's memory. Returns 0; -EFAULT; -errno. */
int caller_read(pid_t tid, uint64_t address, void *ret, size_t size) must_check;

/* The last caller: most calls come from it again. */
struct caller {
	pid_t tid;
	int pidfd; /* owned; -EBADF: nobody yet */
	int info_fd, info_of; /* what /proc says about its descriptor of this number; owned; -EBADF: none */
};

#define CALLER_NONE ((struct caller){.pidfd = -EBADF, .info_fd = -EBADF})

void caller_done(struct caller *last);

/** A descriptor of our own for the open file behind @tid's descriptor @fd. Returns it; -EBADF; -errno. */
int caller_take_fd(struct caller *last, pid_t tid, int fd) must_check;

struct caller_fd_flags {
	bool nonblocking, close_on_exec;
};

/** The flags of @tid's descriptor @fd. Returns 0; -errno. */
int caller_fd_flags(struct caller *last, pid_t tid, int fd, struct caller_fd_flags *ret) must_check;

/**
 * Find the epoll(7) descriptors of @tid.
 * Returns how many are in @ret; -E2BIG when there are more, or too many descriptors; -errno.
 */
int caller_find_epolls(pid_t tid, int ret[CALLER_EPOLLS_MAX]) must_check;

/** Is @tid's descriptor @fd in its set @epoll_fd? Returns 1; 0; -errno when that is no set (any more). */
int caller_is_watched(pid_t tid, int fd, int epoll_fd) must_check;

/**
 * Is another of @tid's descriptors the same open file as @fd? Not found are copies in other processes,
 * and those of a process with many descriptors.
 */
bool caller_has_twin(pid_t tid, int fd);

#endif
