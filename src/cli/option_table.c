/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_table.h"

#include "base/text.h"
#include <string.h>

const struct option_row *option_find(const struct option_row *table, const char *word,
				     const char **ret_value)
{
	size_t n = strcspn(word, "=");

	*ret_value = word[n] == '=' ? word + n + 1 : NULL;
	for (; table && table->name; table++)
		if (strlen(table->name) == n && strncmp(table->name, word, n) == 0)
			return table;
	return NULL;
}

int option_unknown(const char *command, const struct option_row *table, const char *word,
		   struct appsilo_error *err)
{
	const char *best = NULL;
	size_t least = 4;
	char shown[256];

	for (; table && table->name; table++) {
		size_t d = text_distance(word, table->name);

		if (d < least) {
			least = d;
			best = table->name;
		}
	}
	text_show(word, shown, sizeof(shown));
	if (best)
		return error_say(err, -EINVAL, "%s: unknown option %s; did you mean %s?", command, shown,
				 best);
	return error_say(err, -EINVAL, "%s: unknown option %s; see appsilo %s --help", command, shown,
			 command);
}
