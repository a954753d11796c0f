/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The warm sandboxes of a server: a pool (pool.h) for each tenant and package, made with the first
 * run that could use it, and given up when none has for a while. A run that finds no sandbox
 * is for another backend. Thread-safe.
 */
#ifndef APPSILO_SERVER_POOLS_H
#define APPSILO_SERVER_POOLS_H

#include "server/pool.h"
#include "server/sandbox.h"
#include "server/tenants.h"
#include <limits.h>
#include <pthread.h>

struct warm_pool {
	struct pool *pool; /* owned; NULL while it is made, under the lock of all */
	char tenant[TENANT_NAME_MAX];
	char folder[PATH_MAX]; /* of the package, in this version; "": the system's programs */
	/* The rest under the lock of all. */
	unsigned int users;
	int64_t used_ms;
	char said[ERROR_LINE_MAX]; /* the failure that was logged last */
	struct warm_pool *next;
};

struct pools {
	pthread_mutex_t lock;	 /* guards all below */
	struct warm_pool *first; /* owned */
	unsigned int n;
	bool crowded; /* one more was asked for than there may be */
	/* Set up once. */
	struct pool_config config; /* of each; strings borrowed */
	const char *data_dir; /* with the user's packages; borrowed */
	bool on;
};

/** @config  of each pool, but its package; borrowed, as all that it points to */
void pools_init(struct pools *p, const struct pool_config *config, const char *data_dir);
/** After the last run. Accepts one that is zeroed. */
void pools_done(struct pools *p);

/** The pool of this tenant and package (NULL: none), for pools_let_go(). NULL: there is none, or not yet. */
struct warm_pool *pools_get(struct pools *p, const char *tenant, const char *package);
/** NULL allowed. */
void pools_let_go(struct pools *p, struct warm_pool *one);

/** If it has no sandbox because something fails: log that, once. Returns whether it does. */
bool pools_fails(struct pools *p, struct warm_pool *one);

/** End what nobody has used for a while. To be called now and then, by one thread. */
void pools_expire(struct pools *p);

/** Sandboxes that wait, of all pools. */
unsigned long long pools_waiting(struct pools *p);

/**
 * The backend of warm sandboxes. Its start() returns -EAGAIN for a run that has to go cold; it takes
 * spec->files, and ignores the folders.
 */
struct sandbox_backend pools_backend(struct pools *p);

#endif
