/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: what server mode needs of the store, for the front, which links no SQLite.
 * One record a rule, ended by NUL: a letter (r, w: allow; R: deny all; W: deny writing;
 * o, p: never-list override for reading, writing) and the path. Ends with the record ".".
 */
#include "cli/command.h"

#include <string.h>

static const struct option_row rules_options[] = {{0, NULL, NULL, NULL}};

static int print_rule(void *data, const struct consent_rule *rule)
{
	bool write = rule->access == CONSENT_WRITE;
	char letter = write ? 'w' : 'r';

	(void)data;
	if (rule->verdict == CONSENT_DENY)
		letter = write ? 'W' : 'R';
	else if (rule->source == CONSENT_FROM_OVERRIDE)
		letter = write ? 'p' : 'o';
	printf("%c%s%c", letter, rule->path, '\0');
	return 0;
}

static void close_store(struct consent_store **store)
{
	consent_store_close(*store);
}

static int run_rules(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(close_store) struct consent_store *store = NULL;
	struct places places;

	if (argc != 2) {
		error_say(err, -EINVAL, "rules: use rules FAMILY");
		return EXIT_USAGE;
	}
	if (command_store(STORE_READ, &places, &store, err) < 0 ||
	    consent_store_each(store, argv[1], print_rule, NULL, err) < 0 ||
	    consent_store_each(store, CONSENT_ALL_FAMILIES, print_rule, NULL, err) < 0)
		return EXIT_FAILED;
	printf(".%c", '\0');
	return EXIT_OK;
}

const struct command command_rules = {"rules", "FAMILY", "print the rules server mode uses",
				      rules_options, run_rules};
