/* SPDX-License-Identifier: Apache-2.0 */
/* The one context of `appsilo serve`: set up by main, read by every thread after. */
#ifndef APPSILO_SERVER_SERVER_H
#define APPSILO_SERVER_SERVER_H

#include "isolation/cgroup_tree.h"
#include "server/clients.h"
#include "server/metrics.h"
#include "server/pools.h"
#include "server/queue.h"
#include "server/request.h"
#include "server/serve_options.h"
#include "server/sessions.h"
#include "server/websocket.h"
#include "server/work_dir.h"
#include <limits.h>

struct route;

struct worker {
	struct server *server; /* borrowed */
	pthread_t thread;
	char name[16]; /* of its folder */
};

struct server {
	struct serve_options options;
	const struct route *routes; /* what there is to ask for; borrowed */
	struct tenants tenants;
	struct queue queue;
	struct metrics metrics;
	struct clients clients;
	struct websockets websockets;
	struct sandbox_cold cold;
	struct sandbox_backend backend, warm; /* warm.start NULL: there are no pools */
	struct cgroup_tree groups; /* of warm runs; those of cold ones are made beside it */
	struct pools pools;
	struct runtime_versions versions;
	struct request_policy policy;
	struct sessions sessions;
	struct worker *workers; /* owned */
	uint64_t n_workers;	/* that were started */
	char front[PATH_MAX];	/* the program `appsilo` */
	char zygote[PATH_MAX];	/* what makes a Python one */
	const char *base;	/* where the folders of runs are */
	char packages[PATH_MAX];
	char data_dir[PATH_MAX];
	atomic_bool draining;
};

/** Find programs and places, prove that a run works, start the workers. 0; -errno, line. */
int server_start(struct server *s, struct appsilo_error *err) must_check;
/** The workers alone, which carry out jobs. Part of server_start(). 0; -errno, line. */
int server_start_workers(struct server *s, struct appsilo_error *err) must_check;
/** After the last request: stop the workers and free everything. */
void server_stop(struct server *s);

/** A folder for one run under the worker's name; work_dir_close() it. */
int server_open_dir(const struct worker *w, uint64_t disk_bytes, struct work_dir *ret,
		    struct appsilo_error *err) must_check;

#endif
