/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) for the static front, which links no crypto library. */
#ifndef APPSILO_BASE_SHA256_H
#define APPSILO_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	unsigned char block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t size);
void sha256_finish(struct sha256 *s, unsigned char ret[SHA256_SIZE]);

/** 13 digits of Crockford base 32 (lower case) over the first 64 bits, and a NUL. */
void sha256_crockford13(const unsigned char digest[SHA256_SIZE], char ret[14]);

#endif
