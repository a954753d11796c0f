/* SPDX-License-Identifier: Apache-2.0 */
/* A command of appsilo-tool: one file, one table entry. Help and completion come from it. */
#ifndef APPSILO_CLI_COMMAND_H
#define APPSILO_CLI_COMMAND_H

#include "cli/places.h"
#include "cli/run_options.h"
#include "consent/store.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct command {
	const char *name;
	const char *usage;   /* what follows "appsilo NAME " */
	const char *summary; /* one line */
	const struct option_row *options; /* ends with a NULL name */
	/* argv[0] is the command's name. Fills @err when it returns EXIT_FAILED or EXIT_USAGE. */
	int (*run)(int argc, char **argv, struct appsilo_error *err);
};

extern const struct command command_grant, command_revoke, command_consents, command_reset,
	command_why, command_doctor, command_capabilities, command_completion, command_help,
	command_run, command_python, command_serve, command_mcp, command_version, command_sign, command_cert, command_trust,
	command_pack, command_unpack, command_verify, command_install, command_uninstall,
	command_list, command_loopback, command_show, command_settings, command_open, command_pack_python, command_pack_command,
	command_profile, command_log;

/* For the front, not for people: not in the list below. */
extern const struct command command_rules;

/* All of them, NULL at the end. */
extern const struct command *const commands[];

const struct command *command_find(const char *name);

/** The command whose name is nearly @word; NULL: none. */
const char *command_nearest(const char *word);

/**
 * Read options of @table from argv[1..]; the rest is compacted to the front.
 * @take  called for each option with its row and value (NULL without one); non-zero stops
 * Returns the number of other words; -EINVAL with the line.
 */
int command_options(int argc, char **argv, const struct option_row *table,
		    int (*take)(void *data, const struct option_row *row, const char *value),
		    void *data, struct appsilo_error *err) must_check;

/** Is @text made like a family name (Name_PublisherId, or NAME_DIGITS of a program without a package)? */
bool command_is_family(const char *text);

/** As command_is_family(), for @command. Returns 0; -EINVAL with the line. */
int command_check_family(const char *command, const char *family, struct appsilo_error *err) must_check;

/** A rule may wait for an app that is to come; more often the name was mistyped, which is warned of. */
void command_warn_family(const struct places *places, const char *family);

/** A whole number from 1 to @max. Returns 0; -EINVAL. */
int command_number(const char *text, uint64_t max, uint64_t *ret) must_check;

/** Open the user's store. Returns 0; -errno with the line. */
int command_store(enum store_mode mode, struct places *ret_places, struct consent_store **ret,
		  struct appsilo_error *err) must_check;

/** An absolute path for a rule: links resolved as far as it exists. 0; -errno with the line. */
int command_path(const char *given, char ret[PATH_MAX], struct appsilo_error *err) must_check;

/** After decisions were changed: wait until the apps that run know it; one that does not in time is
 * warned about. */
void command_settle(const struct places *places, struct consent_store *store);

/** After decisions were taken back: what that means for apps that run. */
void command_tell_running(void);

#endif
