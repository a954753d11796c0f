/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/path.h"
#include "base/text.h"
#include <string.h>

const struct command *const commands[] = {
	&command_run,	   &command_python, &command_grant,  &command_revoke,
	&command_consents, &command_reset,  &command_loopback, &command_why,    &command_doctor,
	&command_install,  &command_uninstall, &command_list, &command_show,
	&command_open,	   &command_pack,   &command_unpack, &command_verify,
	&command_sign,	   &command_cert,   &command_trust,
	&command_pack_python, &command_pack_command,
	&command_capabilities, &command_completion, &command_help, &command_version, NULL};

const struct command *command_find(const char *name)
{
	if (strcmp(name, command_rules.name) == 0)
		return &command_rules;
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

const char *command_nearest(const char *word)
{
	const char *best = NULL;
	size_t least = strlen(word) < 4 ? 2 : 3; /* a short word is near to anything */

	for (size_t i = 0; commands[i]; i++) {
		size_t d = text_distance(word, commands[i]->name);

		if (d < least) {
			least = d;
			best = commands[i]->name;
		}
	}
	return best;
}

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

bool command_is_family(const char *text)
{
	return *text && strlen(text) < CONSENT_FAMILY_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       strlen(text);
}

int command_number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end || text[0] < '0' || text[0] > '9' || *ret == 0 || *ret > max ? -EINVAL : 0;
}

int command_store(enum store_mode mode, struct places *ret_places, struct consent_store **ret,
		  struct appsilo_error *err)
{
	int r = places_find(ret_places, err);

	return r < 0 ? r : consent_store_open(ret_places->data_dir, mode, ret, err);
}

int command_path(const char *given, char ret[PATH_MAX], struct appsilo_error *err)
{
	char shown[512];
	int r = places_resolve(given, ret);

	return r < 0 ? error_set(err, r, "%s", text_show(given, shown, sizeof(shown))) : 0;
}
