/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to procfs, and to nothing that only looks like it: runc wrote labels and maps to
 * files of a fake /proc (CVE-2019-19921, CVE-2025-52881). Thread-safe.
 */
#ifndef APPSILO_ISOLATION_PROCFS_H
#define APPSILO_ISOLATION_PROCFS_H

#include "base/error.h"
#include <sys/types.h>

/**
 * Write @text to file @name of process @pid ("self" when 0).
 * Returns 0; -ENODEV when that is not procfs, and nothing was written; -errno.
 */
int procfs_write(pid_t pid, const char *name, const char *text) must_check;

/** As procfs_write(), to the file at absolute @path. */
int procfs_write_at(const char *path, const char *text) must_check;

#endif
