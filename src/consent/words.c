/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/words.h"

#include <string.h>

static const char *const targets[] = {[CONSENT_FILE] = "file", [CONSENT_FOLDER] = "folder"};
static const char *const accesses[] = {[CONSENT_READ] = "read", [CONSENT_WRITE] = "write"};
static const char *const verdicts[] = {[CONSENT_DENY] = "deny", [CONSENT_ALLOW] = "allow"};
static const char *const scopes[] = {
	[CONSENT_ONCE] = "once", [CONSENT_SESSION] = "session", [CONSENT_ALWAYS] = "always"};
static const char *const sources[] = {
	[CONSENT_FROM_PROMPT] = "prompt",
	[CONSENT_FROM_COMMAND_LINE] = "command-line",
	[CONSENT_FROM_GRANT] = "grant",
	[CONSENT_FROM_OVERRIDE] = "override-never",
};

static int find(const char *word, const char *const *words, size_t n)
{
	for (size_t i = 0; word && i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return -EINVAL;
}

#define WORDS(kind, type, list)                                                                    \
	const char *words_##kind(enum type value)                                                  \
	{                                                                                          \
		return (size_t)value < ARRAY_SIZE(list) ? list[value] : "?";                       \
	}                                                                                          \
	int words_read_##kind(const char *word, enum type *ret)                                    \
	{                                                                                          \
		int i = find(word, list, ARRAY_SIZE(list));                                        \
                                                                                                   \
		if (i < 0)                                                                         \
			return i;                                                                  \
		*ret = (enum type)i;                                                               \
		return 0;                                                                          \
	}

WORDS(target, consent_target, targets)
WORDS(access, consent_access, accesses)
WORDS(verdict, consent_verdict, verdicts)
WORDS(scope, consent_scope, scopes)
WORDS(source, consent_source, sources)
