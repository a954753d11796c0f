/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/new_rule.h"

#include "base/clock.h"
#include "consent/never.h"
#include <string.h>

static void set(struct rule_change *ret, const char *what, enum consent_verdict verdict)
{
	*ret = (struct rule_change){
		.kind = RULE_REPLACE,
		.has_new = true,
		.new = {.time_ms = clock_realtime_ms(), .what = what, .verdict = verdict, .source = CONSENT_FROM_GRANT}};
}

static int find(const struct places *user, const char *given, char ret[PATH_MAX], struct appsilo_error *err)
{
	bool from_home = strncmp(given, "~/", 2) == 0;
	char whole[PATH_MAX];
	int n = snprintf(whole, sizeof(whole), "%s%s", from_home ? user->home : "", from_home ? given + 1 : given);

	if (*given != '/' && !from_home)
		return error_say(err, -EINVAL, "write the whole path, from / or ~/");
	n = n < (int)sizeof(whole) ? places_resolve(whole, ret) : -ENAMETOOLONG;
	return n < 0 ? error_set(err, n, "the path cannot be followed") : n;
}

int new_rule_path(const struct places *user, const char *given, enum consent_access access,
		  enum consent_verdict verdict, char buffer[PATH_MAX], struct rule_change *ret,
		  struct appsilo_error *err)
{
	const struct never_places never = {.home = user->home, .data_dir = user->data_dir};
	bool allow = verdict == CONSENT_ALLOW;
	struct stat st;
	int r = find(user, given, buffer, err);

	if (r < 0)
		return r;
	if (allow && r == 0)
		return error_say(err, -ENOENT, "it is not there; only what is can be allowed");
	if (allow && never_judge(&never, buffer, access) != CONSENT_ASK)
		return error_say(err, -EPERM, "this place is always protected; see appsilo grant --override-never");
	set(ret, buffer, verdict);
	ret->new.access = access;
	ret->new.target = stat(buffer, &st) == 0 && !S_ISDIR(st.st_mode) ? CONSENT_FILE : CONSENT_FOLDER;
	return 0;
}

int new_rule_host(const char *given, enum consent_verdict verdict, char buffer[HOST_TEXT_MAX], struct rule_change *ret,
		  struct appsilo_error *err)
{
	struct host_pattern pattern;
	int r = verdict == CONSENT_ALLOW ? host_pattern_parse_allow(given, strlen(given), &pattern, err)
					 : host_pattern_parse(given, strlen(given), &pattern, err);

	if (r < 0)
		return r;
	set(ret, host_pattern_text(&pattern, buffer), verdict);
	ret->new.network = true;
	return 0;
}
