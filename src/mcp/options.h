/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `mcp`: its own, and those of `run` that hold for every run it makes. One table,
 * read by appsilo-server, and by appsilo-tool for help, completion and the man-page test.
 */
#ifndef APPSILO_MCP_OPTIONS_H
#define APPSILO_MCP_OPTIONS_H

#include "cli/run_options.h"

extern const struct option_row mcp_option_table[];

/* Strings are borrowed from argv. */
struct mcp_options {
	const char *http; /* ADDRESS:PORT; NULL: stdio */
	const char *token_file;
	const char *prompt; /* as for run, or "client" */
	bool quiet, help;
	/* For `run`, as given: an option and its value each. */
	struct {
		const char *name, *value;
	} passed[RUN_LIST_MAX];
	size_t n_passed;
	struct run_options run; /* what they mean */
};

/** Read the words after `mcp`, argv[0] being the command's name. Returns 0; -EINVAL with the line. */
int mcp_options_parse(int argc, char **argv, struct mcp_options *ret, struct appsilo_error *err) must_check;

#endif
