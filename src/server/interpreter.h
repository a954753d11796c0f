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

#define INTERPRETER_MARK_MAX 64

struct interpreter {
	struct sandbox *sandbox; /* owned; NULL: not started */
};

#define INTERPRETER_NONE ((struct interpreter){NULL})

/**
 * Run the request's code in it, starting it first where need be.
 * @dir   the session's folder
 * Returns 0 with the step; its state is lost, and it is stopped, unless *ret_lives.
 */
int interpreter_run(struct interpreter *i, const struct run_place *place, const struct run_request *r,
		    const struct run_control *control, struct run_step *ret, bool *ret_lives,
		    struct appsilo_error *err) must_check;

void interpreter_stop(struct interpreter *i, const struct sandbox_backend *backend);

#endif
