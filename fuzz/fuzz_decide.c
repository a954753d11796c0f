/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decisions against a slow way that looks at every rule. The input makes rules, some in the
 * session, some in a store, and questions in between; each byte is a choice.
 */
#include "fuzz.h"

#include "base/path.h"
#include "consent/decide.h"
#include <dirent.h>
#include <limits.h>
#include <string.h>

#define RULES_MAX 32
#define FAMILY "fuzz_0123456789abc"

struct rule {
	char path[256];
	struct consent_rule rule;
	bool stored;
};

struct world {
	char dir[64];
	struct decider d;
	struct rule rules[RULES_MAX];
	size_t n;
};

struct input {
	const uint8_t *at, *end;
};

static unsigned int choose(struct input *in, unsigned int n)
{
	return in->at < in->end ? *in->at++ % n : 0;
}

static void make_path(struct input *in, char *ret, size_t size)
{
	static const char *const names[] = {"a", "b", "ab", "x", ".ssh", ".bashrc", "h", "\xff",
					    "a b", "bin", ".local"};
	size_t depth = choose(in, 5), used = 1;

	strcpy(ret, "/");
	for (size_t i = 0; i < depth; i++)
		used += (size_t)snprintf(ret + used - (used == 1), size - used, "/%s",
					 names[choose(in, sizeof(names) / sizeof(names[0]))]) -
			(used == 1);
}

static bool speaks(const struct consent_rule *r, enum consent_access access)
{
	if (r->verdict == CONSENT_ALLOW)
		return access == CONSENT_READ || r->access == CONSENT_WRITE;
	return access == CONSENT_WRITE || r->access == CONSENT_READ;
}

static bool covers(const struct rule *r, const char *path)
{
	size_t n = strlen(r->path);

	if (strcmp(r->path, path) == 0)
		return true;
	if (r->rule.target != CONSENT_FOLDER)
		return false;
	return n == 1 || (strncmp(r->path, path, n) == 0 && path[n] == '/');
}

static enum consent_verdict slow(const struct world *w, const char *path, enum consent_access access)
{
	enum consent_verdict never = never_judge(&w->d.places, path, access), best = never;
	size_t longest = 0;

	if (never == CONSENT_ALLOW)
		return never;
	/* Every folder that has something to say, from the top down; the last one counts. */
	for (size_t length = 1; length <= strlen(path); length++) {
		bool allow = false, deny = false, override = false;

		for (size_t i = 0; i < w->n; i++) {
			const struct rule *r = &w->rules[i];

			if (strlen(r->path) != length || !covers(r, path) || !speaks(&r->rule, access))
				continue;
			allow = allow || r->rule.verdict == CONSENT_ALLOW;
			deny = deny || r->rule.verdict == CONSENT_DENY;
			override = override || (r->rule.source == CONSENT_FROM_OVERRIDE &&
						r->rule.verdict == CONSENT_ALLOW);
		}
		if (!allow && !deny)
			continue;
		if (never != CONSENT_ASK && (deny || !override))
			continue;
		longest = length;
		best = deny ? CONSENT_DENY : CONSENT_ALLOW;
	}
	return longest ? best : never;
}

static bool slow_below(const struct world *w, const char *folder, enum consent_access access,
		       enum consent_verdict verdict)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->rules[i].path, folder) != 0 && path_is_under(w->rules[i].path, folder) &&
		    w->rules[i].rule.verdict == verdict && speaks(&w->rules[i].rule, access))
			return true;
	return false;
}

static struct world w; /* one for all inputs */

static void ask(struct input *in)
{
	enum consent_access access = choose(in, 2) ? CONSENT_WRITE : CONSENT_READ;
	struct decision decision;
	char path[256];

	make_path(in, path, sizeof(path));
	decide(&w.d, path, access, &decision);
	ALWAYS(decision.verdict == slow(&w, path, access));
	ALWAYS(decide_protected_below(&w.d, path, access) ==
	       (never_below(&w.d.places, path, access) || slow_below(&w, path, access, CONSENT_DENY)));
	ALWAYS(decide_writable_below(&w.d, path) == slow_below(&w, path, CONSENT_WRITE, CONSENT_ALLOW));
}

/* Put a rule where it belongs, and in the slow list, which keeps one of each kind too. */
static void add(struct input *in)
{
	struct rule new = {.stored = choose(in, 2)};
	size_t i = 0;

	make_path(in, new.path, sizeof(new.path));
	new.rule.target = choose(in, 2) ? CONSENT_FOLDER : CONSENT_FILE;
	new.rule.access = choose(in, 2) ? CONSENT_WRITE : CONSENT_READ;
	new.rule.verdict = choose(in, 2) ? CONSENT_ALLOW : CONSENT_DENY;
	new.rule.source = choose(in, 4) == 0 ? CONSENT_FROM_OVERRIDE : CONSENT_FROM_GRANT;
	new.rule.family = new.stored && choose(in, 3) == 0 ? CONSENT_ALL_FAMILIES : FAMILY;
	while (i < w.n && (w.rules[i].stored != new.stored ||
			    strcmp(w.rules[i].path, new.path) != 0 ||
			    w.rules[i].rule.target != new.rule.target ||
			    w.rules[i].rule.access != new.rule.access ||
			    strcmp(w.rules[i].rule.family, new.rule.family) != 0))
		i++;
	if (i == RULES_MAX)
		return;
	w.n += i == w.n;
	w.rules[i] = new;
	new.rule.path = new.path;
	if (new.stored)
		ALWAYS(consent_store_put(w.d.store, &new.rule, NULL) == 0);
	else
		ALWAYS(session_put(w.d.session, &new.rule) == 0);
}

static void remove_store(void)
{
	static const char *const files[] = {"consent.db", "consent.db-wal", "consent.db-shm"};
	char path[128];

	consent_store_close(w.d.store);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w.dir, files[i]);
		unlink(path);
	}
	rmdir(w.dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	int removed;

	w.n = 0;
	w.d.places = (struct never_places){.home = "/h", .data_dir = "/h/.local/a",
					   .profile = "/h/.local/a/b"};
	w.d.family = FAMILY;
	w.d.session = session_new();
	ALWAYS(w.d.session);
	/* One store for all inputs, in memory, emptied before each. */
	if (!w.d.store) {
		strcpy(w.dir, "/dev/shm/appsilo-fuzz-XXXXXX");
		ALWAYS(mkdtemp(w.dir));
		ALWAYS(consent_store_open(w.dir, STORE_CREATE, &w.d.store, NULL) == 0);
		ALWAYS(atexit(remove_store) == 0);
	}
	ALWAYS(consent_store_remove(w.d.store, NULL, NULL, false, &removed, NULL) == 0);
	while (in.at < in.end) {
		if (choose(&in, 2))
			add(&in);
		else
			ask(&in);
	}
	session_free(TAKE_PTR(w.d.session));
	return 0;
}
