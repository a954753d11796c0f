/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Python that stays: a few lines of Python in the sandbox read one request after the other from
 * stdin and run it in the same namespace. What it prints comes as it is; the end of a request is
 * a mark that the request named, at the end of stdout and of stderr. The program can forge the
 * mark of its own run, and so end its own answer early, nothing else. One thread at a time.
 */
#ifndef APPSILO_SERVER_INTERPRETER_H
#define APPSILO_SERVER_INTERPRETER_H

#include "server/run.h"
#include "server/usage.h"

#define INTERPRETER_MARK_MAX 64

struct interpreter {
	struct sandbox *sandbox; /* owned; NULL: not started */
	struct usage usage;	 /* of the sandbox */
};

#define INTERPRETER_NONE ((struct interpreter){NULL, USAGE_NONE})

/**
 * Run the request's code in it, starting it first where need be. Elapsed and processor time and output are
 * limited for this run; memory, processes and files for the interpreter.
 * @limits    of the interpreter, with which it is started: those of its session
 * @ret_lost  what the runs have defined, this one or those before, is gone
 * Returns 0 with the step.
 */
int interpreter_run(struct interpreter *i, const struct run_place *place, const struct run_request *r,
		    const struct sandbox_limits *limits, const struct run_control *control,
		    struct run_step *ret, bool *ret_lost, struct appsilo_error *err) must_check;

void interpreter_stop(struct interpreter *i, const struct sandbox_backend *backend);

#endif
