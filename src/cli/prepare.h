/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the words of `run` to a plan: who the app is, where it starts, what it sees of the
 * environment. Common to server mode and prompting runs.
 */
#ifndef APPSILO_CLI_PREPARE_H
#define APPSILO_CLI_PREPARE_H

#include "cli/environment.h"
#include "cli/identity.h"
#include "cli/network.h"
#include "cli/package_start.h"
#include "cli/places.h"
#include "cli/run_options.h"
#include "cli/view.h"
#include "isolation/plan.h"

struct prepared {
	struct run_options options;
	struct places places;
	struct identity identity;
	struct package_start package;
	struct environment env;
	struct view view;
	struct net_policy *network; /* owned */
	bool stored;		    /* there are stored rules for it */
	bool host_granted;	    /* by a stored rule */
	struct plan plan;
	char cwd[PATH_MAX];
	char home[PATH_MAX]; /* profile directory */
	char system_path[PATH_MAX];
	bool once;   /* `appsilo once`: nothing is kept of this run, or known from others */
	bool again;  /* it has been begun before, and its notes were written */
	bool zygote; /* nothing of the user's: no profile; plan.h, nest */
	char **python_argv; /* `appsilo python`: python3 and its arguments; owned */
	int idmap_fd;  /* root runs; -EBADF otherwise */
	int result_fd; /* of --result; -EBADF otherwise */
};

/**
 * Parse @words (argv after `run` or `python`), a package's own words included: from then on
 * it is known whether the run asks. The file of --result is open from its word on, also when this fails.
 * Returns 0; -errno with the line; ret->options.help means: show the help instead.
 */
int prepare_options(char *const *words, bool python, struct prepared *ret,
		    struct appsilo_error *err) must_check;

/**
 * Fill everything else but the file view.
 * @ret_exit_code  125, 126 or 127, set when it fails
 * Returns 0; -errno with the line.
 */
int prepare(struct prepared *ret, int *ret_exit_code, struct appsilo_error *err) must_check;

/** Resolve --allow-* and --deny into the view. Returns 0; -errno with the line. */
int prepare_rules(struct prepared *p, struct appsilo_error *err) must_check;

/** Root runs: an own uid and mounts that map it; no effect for an ordinary user. */
int prepare_root_run(struct prepared *p, struct appsilo_error *err) must_check;

#endif
