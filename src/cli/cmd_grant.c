/* SPDX-License-Identifier: Apache-2.0 */
/* grant and revoke: what icacls does on the source system. */
#include "cli/command.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/grant_host.h"
#include "consent/never.h"
#include "consent/words.h"
#include <string.h>

enum {
	OPT_FAMILY,
	OPT_ALL,
	OPT_READ,
	OPT_WRITE,
	OPT_DENY,
	OPT_HOST,
	OPT_FILE,
	OPT_OVERRIDE,
	OPT_DRY_RUN,
	OPT_JSON,
};

static const struct option_row grant_options[] = {
	{OPT_FAMILY, "-p", "FAMILY", "to this app (see appsilo consents, or appsilo why)"},
	{OPT_ALL, "--all-packages", NULL, "to every app"},
	{OPT_READ, "--read", NULL, "reading, listing, executing (the default)"},
	{OPT_WRITE, "--write", NULL, "reading and changing"},
	{OPT_DENY, "--deny", NULL, "refuse instead of allow"},
	{OPT_HOST, "--host", "HOST", "HOST[:PORT] instead of a PATH; may be repeated"},
	{OPT_FILE, "--file", NULL, "the path alone, not what is below it"},
	{OPT_OVERRIDE, "--override-never", NULL, "open a place of the never list to one app"},
	{OPT_DRY_RUN, "--dry-run", NULL, "say what would be done"},
	{OPT_JSON, "--json", NULL, "print a JSON array instead"},
	{0, NULL, NULL, NULL},
};

static const struct option_row revoke_options[] = {
	{OPT_FAMILY, "-p", "FAMILY", "from this app"},
	{OPT_ALL, "--all-packages", NULL, "from the rules for every app"},
	{OPT_HOST, "--host", "HOST", "HOST[:PORT] instead of a PATH; may be repeated"},
	{OPT_DRY_RUN, "--dry-run", NULL, "say what would be done"},
	{OPT_JSON, "--json", NULL, "print a JSON array instead"},
	{0, NULL, NULL, NULL},
};

struct request {
	const char *family;
	struct grant_hosts hosts;
	bool all, write, read, deny, file, override, dry_run, json;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct request *q = data;

	switch (row->id) {
	case OPT_FAMILY:
		q->family = value;
		break;
	case OPT_ALL:
		q->all = true;
		break;
	case OPT_READ:
		q->read = true;
		break;
	case OPT_WRITE:
		q->write = true;
		break;
	case OPT_DENY:
		q->deny = true;
		break;
	case OPT_HOST:
		if (q->hosts.n == GRANT_HOSTS_MAX)
			return -EINVAL;
		q->hosts.list[q->hosts.n++] = value;
		break;
	case OPT_FILE:
		q->file = true;
		break;
	case OPT_OVERRIDE:
		q->override = true;
		break;
	case OPT_DRY_RUN:
		q->dry_run = true;
		break;
	case OPT_JSON:
		q->json = true;
		break;
	default:
		return -EINVAL;
	}
	if (q->hosts.n && (q->read || q->write || q->file || q->override))
		return -EINVAL;
	return (q->family && q->all) || (q->read && q->write) ? -EINVAL : 0;
}

static int check(const char *name, struct request *q, int words, struct appsilo_error *err)
{
	if (!q->family && !q->all)
		return error_say(err, -EINVAL, "%s: say which app: -p FAMILY or --all-packages",
				 name);
	if (q->override && q->all)
		return error_say(err, -EINVAL,
				 "%s: --override-never opens a place to one app only; use -p", name);
	if (words > 0 && q->hosts.n > 0)
		return error_say(err, -EINVAL, "%s: PATH or --host, one kind at a time", name);
	if (words == 0 && q->hosts.n == 0)
		return error_say(err, -EINVAL, "%s: say which PATH, or --host HOST", name);
	q->hosts.family = q->all ? CONSENT_ALL_FAMILIES : q->family;
	q->hosts.deny = q->deny;
	q->hosts.dry_run = q->dry_run;
	q->hosts.json = q->json;
	return 0;
}

static int check_never(const struct places *places, const char *path, const struct request *q,
		       struct appsilo_error *err)
{
	struct never_places never = {.home = places->home, .data_dir = places->data_dir};
	enum consent_verdict v = never_judge(&never, path, q->write ? CONSENT_WRITE : CONSENT_READ);
	char shown[512];

	if (!q->deny && never_is_own(&never, path, CONSENT_READ))
		return error_say(err, -EPERM,
				 "grant: %s is appsilo's own, and nothing opens it to an app; copy what the app "
				 "needs to another place", text_show(path, shown, sizeof(shown)));
	if (q->deny || v == CONSENT_ASK || q->override)
		return 0;
	return error_say(err, -EPERM,
			 "grant: %s is on the never list; --override-never opens it to one app",
			 text_show(path, shown, sizeof(shown)));
}

/* The object of one path: what @rule says or, NULL, how many were @removed. */
static int print_json(const struct request *q, const char *path, const struct consent_rule *rule,
		      int removed, bool first)
{
	char line[8 * PATH_MAX];
	struct json_writer w;
	int n;

	jsonw_init(&w, line, sizeof(line));
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "package", q->all ? CONSENT_ALL_FAMILIES : q->family);
	jsonw_string(&w, "path", path);
	if (rule) {
		jsonw_string(&w, "target", words_target(rule->target));
		jsonw_string(&w, "access", words_access(rule->access));
		jsonw_string(&w, "decision", words_verdict(rule->verdict));
		jsonw_string(&w, "source", words_source(rule->source));
	} else {
		jsonw_int(&w, "removed", removed);
	}
	jsonw_bool(&w, "done", !q->dry_run);
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	if (n < 0)
		return n;
	printf("%s\n  %.*s", first ? "[" : ",", n - 1, line);
	return 0;
}

static int grant_one(struct consent_store *store, const struct request *q, const char *path,
		     bool first, struct appsilo_error *err)
{
	struct consent_rule rule = {
		.family = q->all ? CONSENT_ALL_FAMILIES : q->family,
		.path = path,
		.target = q->file ? CONSENT_FILE : CONSENT_FOLDER,
		.access = q->write ? CONSENT_WRITE : CONSENT_READ,
		.verdict = q->deny ? CONSENT_DENY : CONSENT_ALLOW,
		.scope = CONSENT_ALWAYS,
		.source = q->override ? CONSENT_FROM_OVERRIDE : CONSENT_FROM_GRANT,
		.time_ms = clock_realtime_ms(),
	};
	char shown[1024];
	int r = q->dry_run ? 0 : consent_store_put(store, &rule, err);

	if (r == 0 && q->json)
		r = print_json(q, path, &rule, 0, first);
	else if (r == 0)
		printf("%s%s %s %s%s for %s\n", q->dry_run ? "would " : "", words_verdict(rule.verdict),
		       words_access(rule.access), text_show(path, shown, sizeof(shown)),
		       q->file ? " (alone)" : "", q->all ? "every app" : q->family);
	return r;
}

static int told(const struct places *places, struct consent_store *store, const struct request *q)
{
	if (!q->dry_run)
		command_settle(places, store);
	if (q->family)
		command_warn_family(places, q->family);
	return EXIT_OK;
}

static int run_grant(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	struct request q = {0};
	struct places places;
	int words = command_options(argc, argv, grant_options, take, &q, err);
	int r = words < 0 ? words : check("grant", &q, words, err);

	if (r == 0 && q.family)
		r = command_check_family("grant", q.family, err);
	if (r < 0)
		return EXIT_USAGE;
	if (command_store(q.dry_run ? STORE_READ : STORE_CREATE, &places, &store, err) < 0)
		return EXIT_FAILED;
	if (q.hosts.n > 0)
		return grant_hosts_put(store, &q.hosts, err) < 0 ? EXIT_FAILED : told(&places, store, &q);
	/* All paths are checked before the first is granted: nothing is half done. */
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 1; i <= words; i++) {
			char path[PATH_MAX], shown[512];

			r = command_path(argv[i], path, err);
			if (r == 0 && pass == 0 && !q.deny && access(path, F_OK) < 0)
				r = error_say(err, -ENOENT,
					      "grant: %s does not exist; only --deny may name what is "
					      "not there",
					      text_show(path, shown, sizeof(shown)));
			if (r == 0 && pass == 0 && !q.deny && places_is_made(path))
				r = error_say(err, -EINVAL,
					      "grant: %s: a sandbox has its own /proc, /sys and /dev; "
					      "nothing can be granted there",
					      text_show(path, shown, sizeof(shown)));
			if (r == 0 && pass == 0)
				r = check_never(&places, path, &q, err);
			if (r == 0 && pass == 1)
				r = grant_one(store, &q, path, i == 1, err);
			if (r < 0)
				return EXIT_FAILED;
		}
	}
	if (q.json)
		printf("\n]\n");
	return told(&places, store, &q);
}

struct counting {
	const char *path;
	int n;
};

static int count_rule(void *data, const struct consent_rule *rule)
{
	struct counting *c = data;

	c->n += strcmp(rule->path, c->path) == 0;
	return 0;
}

static int revoke_one(struct consent_store *store, const struct request *q, const char *path,
		      int *ret_count, struct appsilo_error *err)
{
	const char *family = q->all ? CONSENT_ALL_FAMILIES : q->family;
	struct counting c = {.path = path};
	int r;

	if (!q->dry_run)
		return consent_store_remove(store, family, path, false, ret_count, err);
	r = consent_store_each(store, family, count_rule, &c, err);
	*ret_count = c.n;
	return r;
}

/* The path as it was written, or else as consents shows it. */
static int revoke_word(struct consent_store *store, const struct request *q, const char *word,
		       char path[PATH_MAX], int *ret_count, struct appsilo_error *err)
{
	char bytes[PATH_MAX];
	int r = command_path(word, path, err);

	if (r == 0)
		r = revoke_one(store, q, path, ret_count, err);
	/* What is shown may be longer than any path. */
	if ((r < 0 && r != -ENAMETOOLONG) || *ret_count > 0 || !strchr(word, '\\') ||
	    text_unescape(word, bytes, sizeof(bytes)) < 0)
		return r;
	r = command_path(bytes, path, err);
	return r == 0 ? revoke_one(store, q, path, ret_count, err) : r;
}

static int run_revoke(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	struct request q = {0};
	struct places places;
	int words = command_options(argc, argv, revoke_options, take, &q, err);
	int r = words < 0 ? words : check("revoke", &q, words, err);
	int total = 0;
	bool paths;

	if (r < 0)
		return EXIT_USAGE;
	if (command_store(STORE_READ, &places, &store, err) < 0)
		return EXIT_FAILED;
	paths = q.hosts.n == 0;
	if (!paths && grant_hosts_remove(store, &q.hosts, &total, err) < 0)
		return EXIT_FAILED;
	for (int i = 1; i <= words; i++) {
		char path[PATH_MAX], shown[1024];
		int count = 0;

		r = revoke_word(store, &q, argv[i], path, &count, err);
		if (r == 0 && q.json)
			r = print_json(&q, path, NULL, count, i == 1);
		if (r < 0)
			return EXIT_FAILED;
		total += count;
		/* Of one alone the error says it. */
		if (!q.json && (count > 0 || words > 1))
			printf("%s %d rule%s on %s\n", q.dry_run ? "would remove" : "removed", count,
		       count == 1 ? "" : "s", text_show(path, shown, sizeof(shown)));
	}
	if (q.json && paths)
		printf("\n]\n");
	if (total > 0 && !q.dry_run) {
		command_settle(&places, store);
		if (!q.json)
			command_tell_running();
	}
	if (total == 0) {
		error_say(err, -ENOENT, "revoke: there is no such rule; see appsilo consents");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

const struct command command_grant = {
	"grant", "(-p FAMILY | --all-packages) [--read|--write] [OPTIONS] (PATH... | --host HOST)",
	"give access to a file, folder or host without asking", grant_options, run_grant};

const struct command command_revoke = {"revoke", "(-p FAMILY | --all-packages) (PATH... | --host HOST)",
				       "take one decision back", revoke_options, run_revoke};
