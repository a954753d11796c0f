/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/decide.h"

#include "base/path.h"
#include <string.h>

/* What the rules on one path say, collected while visiting them. */
struct level {
	enum consent_access access;
	bool exact; /* the path asked about: rules on files count too */
	bool any, denied, override;
	struct decision *decision;
};

static bool speaks_of(const struct consent_rule *rule, enum consent_access access)
{
	/* deny read refuses both, allow write includes reading */
	if (rule->verdict == CONSENT_DENY)
		return rule->access == CONSENT_READ || access == CONSENT_WRITE;
	return rule->access == CONSENT_WRITE || access == CONSENT_READ;
}

static int weigh(void *data, const struct consent_rule *rule)
{
	struct level *level = data;

	if (!level->exact && rule->target != CONSENT_FOLDER)
		return 0;
	if (!speaks_of(rule, level->access) || (level->any && level->denied))
		return 0;
	if (level->any && rule->verdict != CONSENT_DENY) {
		/* The order of rules on one path must not matter. */
		level->override = level->override || rule->source == CONSENT_FROM_OVERRIDE;
		return 0;
	}
	level->any = true;
	level->denied = rule->verdict == CONSENT_DENY;
	level->override = rule->source == CONSENT_FROM_OVERRIDE;
	level->decision->verdict = level->denied ? CONSENT_DENY : CONSENT_ALLOW;
	level->decision->by_rule = true;
	level->decision->source = rule->source;
	level->decision->scope = rule->scope;
	level->decision->target = rule->target;
	level->decision->access = rule->access;
	level->decision->all_families = strcmp(rule->family, CONSENT_ALL_FAMILIES) == 0;
	return 0;
}

/* From @path up; the first level that speaks decides. Returns 1 when it did. */
static int climb(const struct decider *d, const char *path, enum consent_access access,
		bool overrides_only, struct decision *ret)
{
	char at[4096];
	size_t n = strlen(path);
	bool exact = true;

	if (n >= sizeof(at))
		return -ENAMETOOLONG;
	memcpy(at, path, n + 1);
	while (n > 0) {
		struct level level = {.access = access, .exact = exact, .decision = ret};
		int r = 0;

		at[n] = '\0';
		if (d->session)
			(void)session_at(d->session, at, weigh, &level);
		if (d->store)
			r = consent_store_at(d->store, at, weigh, &level);
		if (r < 0)
			return r;
		if (level.any && (!overrides_only || (level.override && !level.denied))) {
			memcpy(ret->rule_path, at, n + 1);
			return 1;
		}
		n = path_parent_length(at, n);
		exact = false;
	}
	return 0;
}

/* Commits that come between more often than this are no accident; then: deny. */
#define RETRIES_MAX 100

static int walk(const struct decider *d, const char *path, enum consent_access access,
		bool overrides_only, struct decision *ret)
{
	int r = -ESTALE;

	if (!d->store)
		return climb(d, path, access, overrides_only, ret);
	for (int i = 0; r == -ESTALE && i < RETRIES_MAX; i++) {
		r = consent_store_begin(d->store, d->family);
		if (r < 0)
			return r;
		r = climb(d, path, access, overrides_only, ret);
		consent_store_end(d->store);
	}
	return r;
}

void decide(const struct decider *d, const char *path, enum consent_access access,
	    struct decision *ret)
{
	enum consent_verdict never = never_judge(&d->places, path, access);
	int r;

	*ret = (struct decision){.verdict = CONSENT_DENY};
	if (never == CONSENT_ALLOW || never_is_own(&d->places, path, access)) {
		ret->verdict = never;
		ret->by_never_list = never != CONSENT_ALLOW;
		return;
	}
	r = walk(d, path, access, never != CONSENT_ASK, ret);
	if (r == 1)
		return;
	*ret = (struct decision){.verdict = CONSENT_DENY};
	if (r < 0)
		return;
	ret->verdict = never;
	ret->by_never_list = never != CONSENT_ASK;
}

void decide_note_used(const struct decider *d, const struct decision *decision)
{
	const struct used_rule rule = {.family = decision->all_families ? CONSENT_ALL_FAMILIES : d->family,
				       .target = decision->target,
				       .access = decision->access,
				       .what = decision->rule_path};

	if (d->used && decision->by_rule && decision->scope == CONSENT_ALWAYS)
		used_note(d->used, &rule);
}

struct below {
	enum consent_access access;
	enum consent_verdict verdict;
};

static int stop_at(void *data, const struct consent_rule *rule)
{
	struct below *below = data;

	return rule->verdict == below->verdict && speaks_of(rule, below->access);
}

static bool any_below(const struct decider *d, const char *folder, struct below *below)
{
	if (d->session && session_below(d->session, folder, stop_at, below) != 0)
		return true;
	return d->store && consent_store_below(d->store, d->family, folder, stop_at, below) != 0;
}

bool decide_protected_below(const struct decider *d, const char *folder,
			    enum consent_access access)
{
	struct below below = {access, CONSENT_DENY};

	return never_below(&d->places, folder, access) || any_below(d, folder, &below);
}

bool decide_writable_below(const struct decider *d, const char *folder)
{
	struct below below = {CONSENT_WRITE, CONSENT_ALLOW};

	return any_below(d, folder, &below);
}
