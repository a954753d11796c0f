/* SPDX-License-Identifier: Apache-2.0 */
/* What a program has set on a TCP socket before it connects, set on another one. Thread-safe: no state. */
#ifndef APPSILO_CARRY_SOCKET_COPY_H
#define APPSILO_CARRY_SOCKET_COPY_H

#include <stdbool.h>

/**
 * Give @to, a fresh TCP socket of the same family, the options of @from. One that cannot be had
 * stays as it is.
 * @rare  also those of isolation/rare_options.h
 */
void socket_copy_options(int from, int to, bool rare);

#endif
