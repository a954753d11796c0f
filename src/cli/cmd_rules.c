/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules: what server mode needs of the store, for the front, which links no SQLite.
 * One record a rule, ended by NUL: a letter (r, w: allow; R: deny all; W: deny writing;
 * o, p: never-list override for reading, writing), '=' for just this and nothing below, and
 * the path; or h, H: allow, deny, and a host. Ends with the record ".", or with one of '!' and what went wrong, which the front says
 * as its own line.
 */
#include "cli/command.h"
#include "consent/rules_cache.h"
#include "consent/store_hosts.h"

#include <string.h>

static const struct option_row rules_options[] = {{0, NULL, NULL, NULL}};

static int print_rule(void *data, const struct consent_rule *rule)
{
	bool write = rule->access == CONSENT_WRITE;
	bool alone = rule->target == CONSENT_FILE;
	char letter = write ? 'w' : 'r';

	if (rule->verdict == CONSENT_DENY)
		letter = write ? 'W' : 'R';
	else if (rule->source == CONSENT_FROM_OVERRIDE)
		letter = write ? 'p' : 'o';
	return fprintf(data, "%c%s%s%c", letter, alone ? "=" : "", rule->path, '\0') < 0 ? -ENOMEM : 0;
}

static int print_host(void *data, const struct consent_host_rule *rule)
{
	char letter = rule->verdict == CONSENT_DENY ? 'H' : 'h';

	return fprintf(data, "%c%s%c", letter, rule->host, '\0') < 0 ? -ENOMEM : 0;
}

/* All records of @family in one piece, the store opened and closed for it. */
static int read_store(const char *family, struct places *places, char **ret, size_t *ret_size,
		      struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	cleanup_fclose FILE *records = open_memstream(ret, ret_size);
	int r = records ? command_store(STORE_READ, places, &store, err)
			: error_set(err, -ENOMEM, "rules");

	if (r == 0)
		r = consent_store_each(store, family, print_rule, records, err);
	if (r == 0)
		r = consent_store_each(store, CONSENT_ALL_FAMILIES, print_rule, records, err);
	if (r == 0)
		r = consent_store_each_host(store, family, print_host, records, err);
	if (r == 0)
		r = consent_store_each_host(store, CONSENT_ALL_FAMILIES, print_host, records, err);
	if (r == 0 && (fprintf(records, ".%c", '\0') < 0 || fflush(records) != 0))
		r = error_set(err, -ENOMEM, "rules");
	return r;
}

static int run_rules(int argc, char **argv, struct appsilo_error *err)
{
	cleanup_free char *records = NULL;
	struct rules_stamp before, after;
	struct places places;
	size_t size = 0;
	bool known;

	if (argc != 2) {
		error_say(err, -EINVAL, "rules: use rules FAMILY");
		return EXIT_USAGE;
	}
	known = places_find(&places, err) == 0 && rules_stamp_take(places.data_dir, &before) == 0;
	if (read_store(argv[1], &places, &records, &size, err) < 0) {
		printf("!%s%c", err->line, '\0');
		err->line[0] = '\0';
		return EXIT_FAILED;
	}
	/* Closing the store may have put its log away: then the next start keeps the rules. */
	if (known && rules_stamp_take(places.data_dir, &after) == 0 &&
	    rules_stamp_equal(&before, &after))
		rules_cache_write(places.data_dir, argv[1], &before, records, size);
	if (fwrite(records, 1, size, stdout) != size) {
		error_set(err, -errno, "rules: write");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

const struct command command_rules = {"rules", "FAMILY", "print the rules server mode uses",
				      rules_options, run_rules};
