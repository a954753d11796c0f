/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/attach_rules.h"

#include "base/path.h"
#include <stdio.h>
#include <string.h>

static bool allows(const struct attach_rules *rules, const char *path, enum consent_access access)
{
	struct decision d;

	decide(rules->decider, path, access, &d);
	return d.verdict == CONSENT_ALLOW && d.by_rule;
}

enum attach_state attach_wanted(const struct attach_rules *rules, const char *path, enum attach_state now)
{
	char inside[PATH_MAX];
	struct decision d;
	bool whole, own;

	/* A rule on the folder alone does not speak of what is in it. */
	if (path_join(path, "\x01", inside, sizeof(inside)) < 0 || !allows(rules, inside, CONSENT_READ))
		return ATTACH_NONE;
	decide(rules->decider, path, CONSENT_READ, &d);
	if (d.verdict != CONSENT_ALLOW || !d.by_rule)
		return ATTACH_NONE;
	decide_note_used(rules->decider, &d);
	whole = allows(rules, inside, CONSENT_WRITE);
	own = allows(rules, path, CONSENT_WRITE);
	if (whole && own && !decide_protected_below(rules->decider, path, CONSENT_WRITE))
		return ATTACH_WRITE;
	if (!rules->read_only || decide_protected_below(rules->decider, path, CONSENT_READ))
		return ATTACH_NONE;
	if (now != ATTACH_READ && (whole || own || decide_writable_below(rules->decider, path)))
		return ATTACH_NONE;
	return ATTACH_READ;
}

bool attach_is_in_spine(const struct attach_rules *rules, const char *path)
{
	char parent[PATH_MAX];
	struct decision d;

	snprintf(parent, sizeof(parent), "%.*s", (int)path_parent_length(path, strlen(path)), path);
	decide(rules->decider, parent, CONSENT_WRITE, &d);
	return d.verdict == CONSENT_ALLOW;
}

enum attach_state attach_find_top(const struct attach_rules *rules, const char *folder, char top[PATH_MAX])
{
	enum attach_state state = ATTACH_NONE;
	char at[PATH_MAX];
	size_t n = strlen(folder);

	if (n >= sizeof(at))
		return ATTACH_NONE;
	memcpy(at, folder, n + 1);
	for (; n > 1; n = path_parent_length(at, n)) {
		enum attach_state s;

		at[n] = '\0';
		s = attach_wanted(rules, at, ATTACH_NONE);
		if (s == ATTACH_NONE || (state != ATTACH_NONE && s != state))
			break;
		state = s;
		memcpy(top, at, n + 1);
	}
	return state;
}
