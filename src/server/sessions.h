/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: a folder that is kept from run to run and, for Python, the interpreter with all that
 * the runs have defined. One run at a time in a session. A session belongs to a tenant, and ends
 * when nobody has used it for a time. Thread-safe.
 */
#ifndef APPSILO_SERVER_SESSIONS_H
#define APPSILO_SERVER_SESSIONS_H

#include "server/interpreter.h"
#include "server/job_id.h"
#include "server/queue.h"
#include "server/request.h"
#include "server/work_dir.h"

struct session {
	atomic_int refs;
	char id[JOB_ID_SIZE];
	struct tenant *tenant; /* borrowed */
	struct run_request defaults; /* package, runtime, env, limits and network of its runs */
	bool keeps_state;
	pthread_mutex_t use; /* held by who works in its folder */
	/* Below: of who holds `use`. */
	struct work_dir dir;
	struct interpreter interpreter; /* not started: end_fd < 0 */
	/* Under the lock of the sessions. */
	struct job *current; /* a run under way; borrowed */
	int64_t used_ms;
	struct session *next;
};

struct sessions {
	pthread_mutex_t lock; /* guards the list and what is said above */
	struct session *first;
	uint64_t n, max;
	int64_t idle_ms;
	const char *base; /* borrowed: where the folders are */
	const struct sandbox_backend *backend; /* borrowed */
};

void sessions_init(struct sessions *all, uint64_t max, int64_t idle_ms, const char *base,
		   const struct sandbox_backend *backend);
void sessions_done(struct sessions *all);

/** Open one with a folder of its own. Takes what @defaults owns. 0; -EINVAL with @e set. */
int sessions_open(struct sessions *all, struct tenant *tenant, struct run_request *defaults,
		  bool keeps_state, struct session **ret, struct api_error *e) must_check;

/** The tenant's session @id, held; NULL: there is none. */
struct session *sessions_find(struct sessions *all, const struct tenant *tenant, const char *id);
void sessions_release(struct sessions *all, struct session *session);

/** Whose run is under way there; NULL: none any more. */
void sessions_set_current(struct sessions *all, struct session *session, struct job *job);

/** Take it out of the list, and end what runs in it. It is freed when nobody works in it any more. */
void sessions_close(struct sessions *all, struct session *session);

/** Close those that were not used for long. Called now and then. */
void sessions_expire(struct sessions *all);

/** Ids, idle times and whether each keeps state. NULL: no memory. */
json_t *sessions_list(struct sessions *all, const struct tenant *tenant);

/** Empty folder, new interpreter. The caller holds `use`. 0; -EINVAL with @e set. */
int session_reset(struct sessions *all, struct session *session, struct api_error *e) must_check;

#endif
