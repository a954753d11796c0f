/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `run` and `python`: one table, from which the parser, the help text, the
 * completions and the man-page test come. No library is needed: the static front, the
 * broker and the tool all read it. DESIGN section 5. Thread-safe: no state.
 */
#ifndef APPSILO_CLI_RUN_OPTIONS_H
#define APPSILO_CLI_RUN_OPTIONS_H

#include "cli/option_table.h"
#include <stdbool.h>
#include <stdint.h>

/* More of any repeated option than this is refused. */
#define RUN_LIST_MAX 256

enum run_option_id {
	RUN_PROMPT,
	RUN_ALLOW_READ,
	RUN_ALLOW_WRITE,
	RUN_ALLOW_LIST,
	RUN_DENY,
	RUN_NET,
	RUN_ALLOW_HOST,
	RUN_DENY_HOST,
	RUN_PUBLISH,
	RUN_PROXY,
	RUN_CWD,
	RUN_ENV,
	RUN_PASS_ENV,
	RUN_MEMORY,
	RUN_CPUS,
	RUN_PIDS,
	RUN_TIME,
	RUN_WALL_TIME,
	RUN_FILE_SIZE,
	RUN_DISK,
	RUN_OUTPUT,
	RUN_METADATA,
	RUN_RESULT,
	RUN_AUDIT,
	RUN_PROFILE,
	RUN_QUIET,
	RUN_PACKAGE,
	RUN_APP,
	RUN_HELP,
};

/* Ends with a row whose name is NULL. */
extern const struct option_row run_option_table[];

struct run_path_rule {
	enum run_option_id kind; /* RUN_ALLOW_READ, _WRITE, _LIST or RUN_DENY */
	const char *path;	 /* as given */
};

struct run_host_rule {
	bool deny;
	const char *host; /* as given, and checked */
};

/* All strings are borrowed from argv. Zero means not given, for every number. */
struct run_options {
	char *const *command; /* NULL-terminated rest of argv */
	const char *prompt;
	struct run_path_rule rules[RUN_LIST_MAX];
	size_t n_rules;
	const char *net; /* NULL: not given, so that an asking run asks */
	unsigned int net_capabilities;
	struct run_host_rule hosts[RUN_LIST_MAX];
	size_t n_hosts;
	const char *publish[RUN_LIST_MAX]; /* as given, and checked */
	size_t n_publish;
	const char *proxy; /* as given, and checked */
	const char *cwd;
	const char *env[RUN_LIST_MAX];
	size_t n_env;
	const char *pass_env[RUN_LIST_MAX];
	size_t n_pass_env;
	uint64_t memory_bytes, cpu_milli, pids, cpu_time_ms, wall_time_ms, file_size_bytes,
		disk_bytes, output_bytes;
	bool metadata_hidden;
	const char *result, *audit, *package, *app;
	const char *profile; /* NULL: not profiled */
	bool profile_allow, profile_stacks;
	bool quiet, help;
};

/**
 * Parse the words after `run`.
 * @words    argv from the first word after the command name, NULL-terminated; borrowed
 * @lenient  `python`: the first unknown option or word starts the program's own arguments,
 *           and no command is required
 * Returns 0; -EINVAL with the line.
 */
int run_options_parse(char *const *words, bool lenient, struct run_options *ret,
		      struct appsilo_error *err) must_check;

/** Is there to be somebody to ask? */
bool run_asks(const struct run_options *options);

/** Is there somebody to ask, or are calls to be recorded? Else it is server mode. */
bool run_needs_broker(const struct run_options *options);

/** "10M" and the like, 1024-based. Returns 0; -EINVAL; -ERANGE. */
int run_parse_size(const char *text, uint64_t *ret_bytes) must_check;
/** "500ms", "2s", "1.5", "3m", "1h". Returns 0; -EINVAL; -ERANGE. */
int run_parse_time(const char *text, uint64_t *ret_ms) must_check;

#endif
