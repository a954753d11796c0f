/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `serve`: one table, read by appsilo-server, and by appsilo-tool for help,
 * completion and the man-page test. Thread-safe: no state.
 */
#ifndef APPSILO_SERVER_SERVE_OPTIONS_H
#define APPSILO_SERVER_SERVE_OPTIONS_H

#include "cli/run_options.h"
#include "server/sandbox.h"

#define SERVE_WORKERS_MAX 1024
#define SERVE_POOL_MAX 8000
#define SERVE_MODULES_MAX 64
#define SERVE_MODULES_BYTES 1024

extern const struct option_row serve_option_table[];

/* Strings are borrowed from argv. */
struct serve_options {
	const char *listen; /* ADDR:PORT, [ADDR]:PORT */
	const char *token_file;
	const char *cors_origin;
	const char *net;
	unsigned int net_capabilities;
	uint64_t workers, queue, connections, sessions;
	uint64_t pool, pool_least; /* warm sandboxes at most, and at least */
	uint64_t body_bytes, drain_ms, session_idle_ms;
	struct sandbox_limits limits; /* a request may ask for less */
	bool quiet, help;
	char modules[SERVE_MODULES_BYTES];
	const char *preload[SERVE_MODULES_MAX + 1]; /* into them; NULL-terminated */
};

/**
 * Read the words after `serve`, argv[0] being the command's name.
 * Returns 0 with every number set; -EINVAL with the line.
 */
int serve_options_parse(int argc, char **argv, struct serve_options *ret,
			struct appsilo_error *err) must_check;

#endif
