/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting an installed package: its launch record is turned into words of `run`, so that
 * what a package may do is what a person could have written on the command line.
 * docs/ARCHITECTURE.md, Packages.
 */
#ifndef APPSILO_CLI_PACKAGE_START_H
#define APPSILO_CLI_PACKAGE_START_H

#include "cli/identity.h"
#include "cli/places.h"
#include "cli/run_options.h"
#include "package/installed.h"
#include "package/record.h"
#include <stdbool.h>

struct package_start {
	bool active;
	struct installed_package package;
	struct record record;
	int dir_fd; /* the package's directory; -EBADF when not active */
	char **words;	  /* owned; the first @n_owned texts too */
	size_t n_words, n_owned;
	char **command;	  /* owned array: an application's executable and its arguments */
	char executable[PATH_MAX]; /* of the application, as seen inside */
};

/**
 * Load the package that @options names.
 * @words  the words that @options were parsed from
 * Returns 1 when it is installed: parse ret->words again; 0 when there is none of that name;
 * -errno with the line.
 */
int package_start_load(const struct places *places, const struct run_options *options,
		       char *const *words, struct package_start *ret,
		       struct appsilo_error *err) must_check;

/**
 * Replace options->command by the application's executable and its arguments, when no
 * command or --app was given. Returns 0; -ENOENT with the line.
 */
int package_start_command(struct package_start *start, struct run_options *options,
			  struct appsilo_error *err) must_check;

/**
 * Find @command in the package's own files first. Fills the identity of the package.
 * Returns 0; -ENOENT when the package does not hold it: ret->family is filled all the same.
 */
int package_start_find(const struct package_start *start, const char *command, const char *path,
		       struct identity *ret) must_check;

/** True when the package declares the right to ask. */
bool package_start_asks(const struct package_start *start);

/**
 * An alias file's own words (`--alias=FAMILY!APP FILE ARG...`, from its first line) as words
 * of `run`. @ret has room for @argc + 8. Returns 0; -EINVAL with the line.
 */
int package_start_alias(int argc, char *const *argv, char family[PACKAGE_FAMILY_SIZE],
			char *ret[], struct appsilo_error *err) must_check;

#endif
