/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding to a manifest that somebody wrote: all else in it stays as it is, comments and order
 * too. Thread-safe.
 */
#ifndef APPSILO_MANIFEST_EDIT_H
#define APPSILO_MANIFEST_EDIT_H

#include "manifest/manifest.h"

/* All borrowed. */
struct manifest_additions {
	const char *const *capabilities;
	size_t n_capabilities;
	const char *const *hosts; /* HOST[:PORT] */
	size_t n_hosts;
	const char *const *system_paths;
	size_t n_system_paths;
	bool mention_prompt; /* in a comment: the right to ask would help */
};

/**
 * Add what is not declared yet. Capabilities that touch what is private get a comment.
 * @text   @size bytes; checked by manifest_parse() before and after
 * @label  names the file in errors
 * @ret    owned by the caller; @ret_size bytes and a NUL
 * Returns 0; -EINVAL with the line; -ENOMEM.
 */
int manifest_edit(const char *text, size_t size, const char *label,
		  const struct manifest_additions *additions, char **ret, size_t *ret_size,
		  struct appsilo_error *err) must_check;

#endif
