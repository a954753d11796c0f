/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program against many inputs, for judges: compiled once, then run for each case in a folder
 * of its own, and each output judged by what was expected or by a checker.
 */
#ifndef APPSILO_SERVER_BATCH_H
#define APPSILO_SERVER_BATCH_H

#include "server/request.h"

#define BATCH_CASES_MAX 512
#define BATCH_SHOWN_BYTES 4096	/* of each output in the answer */
#define BATCH_WALL_FACTOR 10	/* all cases may take so many times a run's wall time */

struct job;
struct worker;

struct batch_case {
	const char *input, *expected; /* expected: NULL where none is given */
	size_t input_size, expected_size;
	const char *argv[REQUEST_WORDS_MAX / 4];
	size_t n_argv;
};

struct batch {
	struct run_request program;
	struct run_request checker; /* runtime NULL: none */
	struct batch_case *cases;   /* owned */
	size_t n_cases;
	bool stop_on_failure;
};

/** Returns 0; -EINVAL with @e set. batch_free() in any case. */
int batch_decode(const char *text, size_t size, const struct request_policy *policy,
		 struct batch *ret, struct api_error *e) must_check;
void batch_free(void *batch);

/** For a job whose data is a batch. */
void batch_work(struct job *job, struct worker *worker);

#endif
