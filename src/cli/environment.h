/* SPDX-License-Identifier: Apache-2.0 */
/* The app's environment: an allow list, never the caller's as it stands. */
#ifndef APPSILO_CLI_ENVIRONMENT_H
#define APPSILO_CLI_ENVIRONMENT_H

#include "base/error.h"

#define ENVIRONMENT_MAX 256

struct environment {
	char *entries[ENVIRONMENT_MAX + 1]; /* owned, NULL-terminated */
	size_t n;
};

/** Set NAME to VALUE, replacing. Returns 0; -E2BIG; -ENOMEM. */
int environment_set(struct environment *env, const char *name, const char *value) must_check;

/** Copy the harmless variables of the caller (locale, terminal, time zone, user). */
int environment_allow_listed(struct environment *env) must_check;

/**
 * PATH without empty, relative (CVE-2020-27348) and unseen entries: only system folders,
 * which the sandbox shows. @ret has @size bytes.
 */
void environment_system_path(const char *path, char *ret, size_t size);

void environment_done(struct environment *env);

#endif
