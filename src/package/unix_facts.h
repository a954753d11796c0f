/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppsiloFiles.txt, a payload file: what a zip made for Windows cannot say. Other tools see a
 * text file. Its first line is "appsilo files 1"; each other line is one fact, fields
 * separated by tabs:
 *
 *	d PATH		an empty folder
 *	l PATH TARGET	a symbolic link
 *	x PATH		an executable file
 *
 * Paths are plain, with "/". A link is relative and its ".." all come first, no more of them
 * than it has folders above it: since that holds for each link it leads through, none leaves
 * the package. The block map covers the file. Thread-safe once read.
 */
#ifndef APPSILO_PACKAGE_UNIX_FACTS_H
#define APPSILO_PACKAGE_UNIX_FACTS_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

#define UNIX_FACTS_HEADER "appsilo files 1\n"
#define UNIX_FACTS_MAX (64 * 1024 * 1024) /* bytes */

struct unix_fact {
	char kind; /* d, l or x */
	const char *path;
	const char *target; /* of a link; else NULL */
};

struct unix_facts {
	char *text; /* owned; the facts point into it */
	struct unix_fact *facts; /* owned */
	size_t n;
};

/**
 * Take the text of the file apart.
 * @text   @size bytes and a NUL, handed over in every case
 * @label  names it in errors
 * Returns 0 and facts for unix_facts_done(); -EBADMSG with label and line; -ENOMEM. Whether the
 * paths fit the package is the caller's to check.
 */
int unix_facts_parse(char *text, size_t size, const char *label, struct unix_facts *ret,
		     struct appsilo_error *err) must_check;
void unix_facts_done(struct unix_facts *facts);

/** Why a link @path (valid, with "/") may not have @target; NULL when it may. */
const char *unix_link_problem(const char *path, const char *target);

#endif
