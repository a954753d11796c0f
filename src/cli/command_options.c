/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a command's words by its table: apart from the commands, for appsilo-server. */
#include "base/text.h"
#include "cli/command.h"
#include <string.h>

/* "; did you mean X?", or where to look. */
static int unknown_option(const char *command, const struct option_row *table, const char *word,
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

static const struct option_row *find_row(const struct option_row *table, const char *word)
{
	size_t n = strcspn(word, "=");

	for (; table && table->name; table++)
		if (strlen(table->name) == n && strncmp(table->name, word, n) == 0)
			return table;
	return NULL;
}

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
		row = find_row(table, argv[i]);
		if (!row)
			return unknown_option(argv[0], table, argv[i], err);
		if (strchr(argv[i], '='))
			value = strchr(argv[i], '=') + 1;
		else if (row->argument && i + 1 < argc)
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
