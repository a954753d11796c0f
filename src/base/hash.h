/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, for tables: not for what somebody may want to collide, nor for secrets. */
#ifndef APPSILO_BASE_HASH_H
#define APPSILO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_START 0xcbf29ce484222325u

/** The hash of what @hash is of, or HASH_START, followed by @size bytes. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	for (const unsigned char *at = bytes; size > 0; at++, size--)
		hash = (hash ^ *at) * 0x100000001b3u;
	return hash;
}

static inline uint64_t hash_text(uint64_t hash, const char *text)
{
	return hash_bytes(hash, text, strlen(text));
}

#endif
