/* SPDX-License-Identifier: Apache-2.0 */
/* The fences of a program that only reads what a hostile one sends: nobody looks into it, no core file,
 * no capability, and a filter with nothing in it that makes a program, process, file or namespace. */
#ifndef APPSILO_ISOLATION_SEAL_H
#define APPSILO_ISOLATION_SEAL_H

#include "base/error.h"
#include <linux/filter.h>

/** Raise them for this process of one thread. @who is it, for the line. Returns 0; -errno with the line. */
int seal_process(const struct sock_fprog *filter, const char *who, struct appsilo_error *err) must_check;

#endif
