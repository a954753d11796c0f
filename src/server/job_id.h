/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody can guess: 128 random bits in hexadecimal. Thread-safe. */
#ifndef APPSILO_SERVER_JOB_ID_H
#define APPSILO_SERVER_JOB_ID_H

#include "base/cleanup.h"
#include <sys/random.h>

/** @ret holds 33 bytes. Returns 0; -errno. */
static inline int job_id_make(char *ret)
{
	unsigned char random[16];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return errno ? -errno : -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(ret + 2 * i, 3, "%02x", random[i]);
	return 0;
}

#endif
