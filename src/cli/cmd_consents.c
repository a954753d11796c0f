/* SPDX-License-Identifier: Apache-2.0 */
/* consents and reset: what was decided, and starting over. */
#include "cli/command.h"

#include "base/json.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/grant_host.h"
#include "consent/store_hosts.h"
#include "consent/used.h"
#include "consent/words.h"
#include <string.h>

enum {
	OPT_FAMILY,
	OPT_JSON,
	OPT_ALL,
	OPT_ACCESS,
	OPT_DECISION,
	OPT_KIND,
};

static const struct option_row consents_options[] = {
	{OPT_FAMILY, "-p", "FAMILY", "only this app's"},
	{OPT_ACCESS, "--access", "ACCESS", "only about reading (read) or changing (write)"},
	{OPT_DECISION, "--decision", "DECISION", "only what is allowed (allow) or refused (deny)"},
	{OPT_KIND, "--kind", "KIND", "only about files (file) or hosts (network)"},
	{OPT_JSON, "--json", NULL, "as a JSON array"},
	{0, NULL, NULL, NULL},
};

static const struct option_row reset_options[] = {
	{OPT_FAMILY, "-p", "FAMILY", "forget this app's decisions"},
	{OPT_ALL, "--all", NULL, "forget every app's decisions"},
	{0, NULL, NULL, NULL},
};

struct listing {
	const char *family;
	const char *path; /* NULL, or: at and below it */
	const char *access, *decision, *kind; /* NULL: any */
	bool json, all;
	struct used_reader *used; /* NULL: nothing is known */
	size_t n, hosts;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct listing *l = data;

	if (row->id == OPT_FAMILY)
		l->family = value;
	if (row->id == OPT_ACCESS)
		l->access = value;
	if (row->id == OPT_DECISION)
		l->decision = value;
	if (row->id == OPT_KIND)
		l->kind = value;
	l->json = l->json || row->id == OPT_JSON;
	l->all = l->all || row->id == OPT_ALL;
	return l->family && l->all ? -EINVAL : 0;
}

static void iso_time(int64_t time_ms, char ret[TEXT_TIME_SIZE])
{
	(void)text_time(time_ms, ret);
	strcat(ret, "Z");
}

/* NULL: since it was made nothing was decided by it, as far as is known. */
static const char *last_used(struct listing *l, const struct consent_rule *rule, char ret[USED_DAY_SIZE])
{
	const struct used_rule used = {
		.family = rule->family, .target = rule->target, .access = rule->access, .what = rule->path};

	return used_day(l->used, &used, rule->time_ms, ret);
}

static const char *host_last_used(struct listing *l, const struct consent_host_rule *rule, char ret[USED_DAY_SIZE])
{
	const struct used_rule used = {.family = rule->family, .network = true, .what = rule->host};

	return used_day(l->used, &used, rule->time_ms, ret);
}

static int print_json(struct listing *l, const struct consent_rule *rule)
{
	char line[8 * PATH_MAX], time_text[TEXT_TIME_SIZE], day[USED_DAY_SIZE];
	struct json_writer w;

	iso_time(rule->time_ms, time_text);
	jsonw_init(&w, line, sizeof(line));
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "id", 2 * rule->id); /* two tables count by themselves: hosts are odd */
	jsonw_string(&w, "package", rule->family);
	jsonw_string(&w, "kind", "file");
	jsonw_string(&w, "path", rule->path);
	jsonw_string(&w, "target", words_target(rule->target));
	jsonw_string(&w, "access", words_access(rule->access));
	jsonw_string(&w, "decision", words_verdict(rule->verdict));
	jsonw_string(&w, "scope", words_scope(rule->scope));
	jsonw_string(&w, "source", words_source(rule->source));
	jsonw_string(&w, "time", time_text);
	jsonw_string(&w, "last_used", last_used(l, rule, day));
	jsonw_close(&w, '}');
	if (jsonw_finish(&w) < 0)
		return -ENOBUFS;
	line[strlen(line) - 1] = '\0';
	printf("%s\n  %s", l->n ? "," : "", line);
	return 0;
}

static bool is_wanted(const char *wanted, const char *word)
{
	return !wanted || strcmp(wanted, word) == 0;
}

static int print_rule(void *data, const struct consent_rule *rule)
{
	struct listing *l = data;
	char shown[4 * PATH_MAX], time_text[TEXT_TIME_SIZE], day[USED_DAY_SIZE];
	const char *used;
	int r = 0;

	if ((l->path && !path_is_under(rule->path, l->path)) ||
	    !is_wanted(l->access, words_access(rule->access)) ||
	    !is_wanted(l->decision, words_verdict(rule->verdict)))
		return 0;
	if (l->json) {
		r = print_json(l, rule);
	} else {
		iso_time(rule->time_ms, time_text);
		used = last_used(l, rule, day);
		if (l->n == 0)
			printf("%-5s  %-6s  %-6s  %-14s  %-20s  %-10s  %-32s  %s\n", "WHAT", "ACCESS",
			       "TARGET", "SOURCE", "TIME", "LAST USED", "APP", "PATH");
		printf("%-5s  %-6s  %-6s  %-14s  %-20s  %-10s  %-32s  %s\n", words_verdict(rule->verdict),
		       words_access(rule->access), words_target(rule->target),
		       words_source(rule->source), time_text, used ? used : "-",
		       strcmp(rule->family, CONSENT_ALL_FAMILIES) == 0 ? "(every app)" : rule->family,
		       text_show(rule->path, shown, sizeof(shown)));
	}
	l->n++;
	return r;
}

static int print_host_json(struct listing *l, const struct consent_host_rule *rule)
{
	char line[2048], time_text[TEXT_TIME_SIZE], day[USED_DAY_SIZE];
	struct json_writer w;
	int n;

	iso_time(rule->time_ms, time_text);
	jsonw_init(&w, line, sizeof(line));
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "id", 2 * rule->id + 1);
	jsonw_string(&w, "package", rule->family);
	jsonw_string(&w, "kind", "network");
	grant_host_members(&w, rule->host);
	jsonw_string(&w, "decision", words_verdict(rule->verdict));
	jsonw_string(&w, "scope", words_scope(CONSENT_ALWAYS));
	jsonw_string(&w, "source", words_source(rule->source));
	jsonw_string(&w, "time", time_text);
	jsonw_string(&w, "last_used", host_last_used(l, rule, day));
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	if (n < 0)
		return n;
	printf("%s\n  %.*s", l->n ? "," : "", n - 1, line);
	return 0;
}

static int print_host(void *data, const struct consent_host_rule *rule)
{
	struct listing *l = data;
	char time_text[TEXT_TIME_SIZE], day[USED_DAY_SIZE];
	const char *used;
	int r = 0;

	if (!is_wanted(l->decision, words_verdict(rule->verdict)))
		return 0;
	if (l->json) {
		r = print_host_json(l, rule);
	} else {
		iso_time(rule->time_ms, time_text);
		used = host_last_used(l, rule, day);
		if (l->hosts == 0)
			printf("%s%-5s  %-14s  %-20s  %-10s  %-32s  %s\n", l->n ? "\n" : "", "WHAT", "SOURCE",
			       "TIME", "LAST USED", "APP", "HOST");
		printf("%-5s  %-14s  %-20s  %-10s  %-32s  %s\n", words_verdict(rule->verdict),
		       words_source(rule->source), time_text, used ? used : "-",
		       strcmp(rule->family, CONSENT_ALL_FAMILIES) == 0 ? "(every app)" : rule->family,
		       rule->host);
	}
	l->hosts++;
	l->n++;
	return r;
}

static int check_filters(const struct listing *l, struct appsilo_error *err)
{
	enum consent_access access;
	enum consent_verdict verdict;

	if ((l->access && words_read_access(l->access, &access) < 0) ||
	    (l->decision && words_read_verdict(l->decision, &verdict) < 0) ||
	    !(is_wanted(l->kind, "file") || is_wanted(l->kind, "network")))
		return error_say(err, -EINVAL, "consents: use --access read|write, --decision allow|deny, "
					       "--kind file|network");
	return 0;
}

static int run_consents(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	cleanup(used_reader_freep) struct used_reader *used = NULL;
	struct listing l = {0};
	struct places places;
	char path[PATH_MAX];
	int words = command_options(argc, argv, consents_options, take, &l, err);

	if (words > 1)
		words = error_say(err, -EINVAL, "consents: one PATH at most");
	if (words >= 0 && l.family && command_check_family("consents", l.family, err) < 0)
		words = -EINVAL;
	if (words < 0 || check_filters(&l, err) < 0)
		return EXIT_USAGE;
	if (words == 1 && command_path(argv[1], path, err) < 0)
		return EXIT_FAILED;
	l.path = words == 1 ? path : NULL;
	if (command_store(STORE_READ, &places, &store, err) < 0)
		return EXIT_FAILED;
	used = l.used = used_reader_new(places.data_dir);
	if (l.json)
		printf("[");
	if ((is_wanted(l.kind, "file") && consent_store_each(store, l.family, print_rule, &l, err) < 0) ||
	    (is_wanted(l.kind, "network") && !l.path && !l.access && consent_store_each_host(store, l.family, print_host, &l, err) < 0))
		return EXIT_FAILED;
	if (l.json)
		printf("%s]\n", l.n ? "\n" : "");
	else if (l.n == 0)
		printf("no %sdecisions%s%s\n", l.access || l.decision || l.kind ? "such " : "",
		       l.family ? " for this app" : "", l.path ? " there" : "");
	return EXIT_OK;
}

static int run_reset(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	struct listing l = {0};
	struct places places;
	char path[PATH_MAX];
	int count = 0, r;
	int words = command_options(argc, argv, reset_options, take, &l, err);

	if (words > 1 || (words >= 0 && !l.family && !l.all))
		words = error_say(err, -EINVAL, "reset: use reset (-p FAMILY | --all) [PATH]");
	if (words < 0)
		return EXIT_USAGE;
	r = command_store(STORE_READ, &places, &store, err);
	if (r == 0 && words == 1)
		r = command_path(argv[1], path, err);
	if (r == 0)
		r = consent_store_remove(store, l.family, words == 1 ? path : NULL, true, &count, err);
	if (r < 0)
		return EXIT_FAILED;
	printf("forgot %d decision%s\n", count, count == 1 ? "" : "s");
	if (count > 0) {
		command_settle(&places, store);
		command_tell_running();
	}
	return EXIT_OK;
}

const struct command command_consents = {"consents", "[OPTIONS] [PATH]",
					 "list every remembered decision", consents_options,
					 run_consents};

const struct command command_reset = {"reset", "(-p FAMILY | --all) [PATH]",
				      "forget decisions: of one app, or below one path",
				      reset_options, run_reset};
