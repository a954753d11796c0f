/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profiled run: what no rule allows is recorded, each access once, and denied or let through
 * without a question. The gate brings only what a question could have been put about as
 * something that may be let through (gate_file.c, gate_host.c). Thread-safe. docs/ARCHITECTURE.md, Profiler.
 */
#ifndef APPSILO_BROKER_ATTEMPTS_H
#define APPSILO_BROKER_ATTEMPTS_H

#include "base/error.h"
#include "broker/stacks.h"
#include "consent/types.h"
#include <limits.h>

/* What a hostile app can make us keep. Beyond it nothing is recorded, and the record says so. */
#define ATTEMPTS_MAX 65536
#define ATTEMPTS_BYTES_MAX (32 * 1024 * 1024)
#define ATTEMPTS_STACKS_BYTES_MAX (64 * 1024 * 1024) /* the rest is recorded without */
/* So many accesses in a folder are recorded one by one. Once that many show that the folder as a whole
 * is needed, it is let through as a whole, at native speed. */
#define ATTEMPTS_DETAIL 16
/* Below the data directory, a folder for each family with a file for each run. */
#define ATTEMPTS_FOLDER "profiling"
#define ATTEMPTS_SUFFIX ".csv"
/* In a family's folder: its runs are profiled. Holds the mode, "deny" or "allow". */
#define ATTEMPTS_MARK "on"

struct attempts;

/* All borrowed. */
struct attempts_config {
	const char *data_dir, *family, *app, *run;
	const char *cwd, *home; /* where it started; the user's home */
	char *const *words; /* of `run`, as the person gave them */
	bool let_through;
	struct stacks stacks; /* taken over */
};

/** Make the run's file below @data_dir (profiling/FAMILY/RUN.csv). Returns 0; -errno with the line. */
int attempts_open(const struct attempts_config *config, struct attempts **ret,
		  struct appsilo_error *err) must_check;

/** Is what no rule allows let through, or denied? */
bool attempts_let_through(const struct attempts *attempts);

/** Was this access let through before, or the listing of its folder? Then its attributes may be seen. */
bool attempts_knows(struct attempts *attempts, const char *path, enum consent_access access);

/**
 * @source  as in run records; @allow the command that would allow it
 * @ret_folder  set when true is returned: from now on all accesses like this one, in all of it, may
 *              be let through and need not be recorded
 */
bool attempts_file(struct attempts *attempts, const struct consent_request *request, bool allowed,
		   const char *source, const char *allow, char ret_folder[PATH_MAX]);
/** @allow may be empty: nothing allows it. */
void attempts_host(struct attempts *attempts, const struct consent_host_request *request,
		   const char *operation, bool allowed, const char *source, const char *capability,
		   const char *allow);

#endif
