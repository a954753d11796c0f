/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a command's words by its table: apart from the commands, for appsilo-server. */
#include "cli/command.h"
#include <string.h>

int command_options(int argc, char **argv, const struct option_row *table,
		    int (*take)(void *data, const struct option_row *row, const char *value),
		    void *data, struct appsilo_error *err)
{
	int kept = 0;
	bool only_words = false;

	for (int i = 1; i < argc; i++) {
		const struct option_row *row;
		const char *value = NULL;

		if (!only_words && strcmp(argv[i], "--") == 0) {
			only_words = true;
			continue;
		}
		if (only_words || argv[i][0] != '-' || !argv[i][1]) {
			argv[1 + kept++] = argv[i];
			continue;
		}
		row = option_find(table, argv[i], &value);
		if (!row)
			return option_unknown(argv[0], table, argv[i], err);
		if (!value && row->argument && i + 1 < argc)
			value = argv[++i];
		if (!row->argument != !value || (value && !*value))
			return error_say(err, -EINVAL, "%s: %s %s", argv[0], row->name,
					 row->argument ? "needs a value" : "takes no value");
		if (take(data, row, value) < 0)
			return error_say(err, -EINVAL, "%s: %s does not go with another option",
					 argv[0], row->name);
	}
	return kept;
}

int command_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end || text[0] < '0' || text[0] > '9' || *ret == 0 || *ret > max ? -EINVAL : 0;
}
