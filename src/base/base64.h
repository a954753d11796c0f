/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 (RFC 4648, section 4: with padding, no line breaks). Thread-safe. */
#ifndef APPSILO_BASE_BASE64_H
#define APPSILO_BASE_BASE64_H

#include "base/cleanup.h"

/** Bytes that base64_encode() writes for @size, with the NUL. */
static inline size_t base64_length(size_t size)
{
	return (size + 2) / 3 * 4 + 1;
}

/** Write @size bytes as text into @ret, which holds base64_length(@size). */
void base64_encode(const void *data, size_t size, char *ret);

/**
 * Read @length characters, strictly: whole, canonical padding, nothing else.
 * @ret  holds @length / 4 * 3 bytes
 * Returns 0 with @ret_size set; -EINVAL.
 */
int base64_decode(const char *text, size_t length, unsigned char *ret, size_t *ret_size) must_check;

#endif
