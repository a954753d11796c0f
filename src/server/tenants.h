/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may use the server: bearer tokens (RFC 6750) and their quotas, from a file with a line for
 * each: NAME TOKEN [concurrent=N] [queue=N] [per-minute=N]. Without a file there is one tenant,
 * "anonymous". Set up once, read only after; the queue guards what it counts.
 */
#ifndef APPSILO_SERVER_TENANTS_H
#define APPSILO_SERVER_TENANTS_H

#include "base/error.h"
#include "base/sha256.h"
#include <stdbool.h>

#define TENANT_NAME_MAX 64
#define TENANTS_MAX 1024
#define TOKEN_LENGTH_MIN 16
#define TOKEN_LENGTH_MAX 256

struct job;

struct tenant {
	char name[TENANT_NAME_MAX];
	unsigned char digest[SHA256_SIZE]; /* of the token: equal lengths to compare */
	uint64_t concurrent, waiting_max, per_minute; /* 0: no quota of its own */
	/* The queue's, under its lock. */
	struct job *first, *last; /* owned */
	uint64_t running, waiting;
	double allowance; /* runs that may start now, of per_minute */
	int64_t allowance_ms;
};

struct tenants {
	struct tenant *all; /* owned */
	size_t n;
	bool open; /* nobody needs a token */
};

/** @path NULL: one tenant, no token. Returns 0; -errno with the line. */
int tenants_load(const char *path, struct tenants *ret, struct appsilo_error *err) must_check;
void tenants_done(struct tenants *t);

/** Whose is the value of an Authorization header (NULL: none)? NULL: nobody's. */
struct tenant *tenants_find(struct tenants *t, const char *authorization);

#endif
