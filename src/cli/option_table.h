/* SPDX-License-Identifier: Apache-2.0 */
/* A table of a command's options: what is read by it, its help and its completions come from the
 * same rows. Compiled for the front too. Thread-safe: no state. */
#ifndef APPSILO_CLI_OPTION_TABLE_H
#define APPSILO_CLI_OPTION_TABLE_H

#include "base/error.h"

struct option_row {
	int id;
	const char *name;     /* with its dashes */
	const char *argument; /* word for the help text; NULL: takes none */
	const char *summary;
};

/**
 * The row of @word, which may have a value behind "=".
 * @table  ends with a row whose name is NULL; may be NULL
 * @ret_value  that value, borrowed from @word; NULL without one
 * Returns NULL when there is none.
 */
const struct option_row *option_find(const struct option_row *table, const char *word,
				     const char **ret_value);

/** Refuse @word, which is in no row of @command's table: "did you mean", or where to look. Returns -EINVAL. */
int option_unknown(const char *command, const struct option_row *table, const char *word,
		   struct appsilo_error *err);

#endif
