/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which signal made the kernel report an interrupt? It does not say, and reports any that
 * the thread catches. Thread-safe.
 */
#ifndef APPSILO_BROKER_FS_SIGNALS_H
#define APPSILO_BROKER_FS_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * Should the wait for an answer end? Not for a resized terminal, a child that ended, or the
 * like: outside, no call on a file fails with EINTR because of those (bash and less would
 * report "Interrupted system call").
 * @tid  the waiting thread, as the broker sees it
 */
bool signals_end_wait(pid_t tid);

#endif
