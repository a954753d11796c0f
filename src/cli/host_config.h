/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/appsilo/appsilo.conf: "NAME = VALUE" lines, "#" comments. Only root's runs read it.
 * Plain C without libraries, for the static front. Thread-safe: no state.
 */
#ifndef APPSILO_CLI_HOST_CONFIG_H
#define APPSILO_CLI_HOST_CONFIG_H

#include "base/error.h"

#define CONFIG_FILE "/etc/appsilo/appsilo.conf"
#define CONFIG_SIZE_MAX 4096 /* bytes */

/* Without a configured range: above every id in common use, one for each possible pid. */
#define CONFIG_UID_FIRST 1879048192u
#define CONFIG_UID_COUNT 4194304u

/**
 * Read the uids that root's sandboxes run under, "uid-range = FIRST-LAST".
 * @text  the file; borrowed
 * Returns 0, with the default when the text does not say; -EINVAL with the line and its
 * number for anything else than the above.
 */
int config_parse(const char *text, unsigned int *ret_first, unsigned int *ret_count,
		 struct appsilo_error *err) must_check;

/** The same of CONFIG_FILE, which need not exist. Returns 0; -errno with the line. */
int config_uid_range(unsigned int *ret_first, unsigned int *ret_count,
		     struct appsilo_error *err) must_check;

#endif
