/* SPDX-License-Identifier: Apache-2.0 */
/* The languages a run may be written in, and how a program of each is started. */
#ifndef APPSILO_SERVER_RUNTIMES_H
#define APPSILO_SERVER_RUNTIMES_H

#include "base/cleanup.h"
#include <stdbool.h>

#define RUNTIME_WORDS_MAX 12
#define RUNTIME_VERSION_MAX 32

struct runtime {
	const char *language;
	const char *aliases[4];	/* NULL-terminated */
	const char *file;	/* what "code" is written to */
	const char *version_of[4]; /* a command that prints the version */
	/* Commands, NULL-terminated; FILE stands for the entry. The sent files come without -I. */
	const char *compile[RUNTIME_WORDS_MAX], *run[RUNTIME_WORDS_MAX], *run_files[RUNTIME_WORDS_MAX];
	bool python;
};

#define RUNTIME_FILE "FILE"

/* Ends with a row whose language is NULL; the first is the default. */
extern const struct runtime runtimes[];

/* What of them is there, and which version: filled at the start, read only after. */
struct runtime_versions {
	char version[8][RUNTIME_VERSION_MAX]; /* "": not there; by index in the table */
};

/** By language or alias; NULL: none. */
const struct runtime *runtime_find(const char *word);

/** The first "N.N..." in what a program printed; false when there is none. */
bool runtime_version_parse(const char *text, char ret[RUNTIME_VERSION_MAX]);

#endif
