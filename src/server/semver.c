/* SPDX-License-Identifier: Apache-2.0 */
#include "server/semver.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 3

struct parts {
	long value[PARTS];
	int n; /* that are given; the rest is 0 */
};

/* Numbers and dots; "x", "X" or "*" ends them. */
static bool parse(const char *text, struct parts *ret)
{
	*ret = (struct parts){0};
	while (*text && ret->n < PARTS) {
		char *end;

		if (*text == 'x' || *text == 'X' || *text == '*')
			return !text[1] || text[1] == '.';
		if (*text < '0' || *text > '9')
			return false;
		ret->value[ret->n++] = strtol(text, &end, 10);
		text = end;
		if (*text == '.')
			text++;
		else if (*text)
			return false;
	}
	return !*text;
}

static int compare(const struct parts *a, const struct parts *b, int n)
{
	for (int i = 0; i < n; i++)
		if (a->value[i] != b->value[i])
			return a->value[i] < b->value[i] ? -1 : 1;
	return 0;
}

bool semver_fits(const char *selector, const char *version)
{
	const char *operators[] = {">=", "^", "~", "="};
	struct parts want, have;
	size_t i = 0;

	while (i < 4 && strncmp(selector, operators[i], strlen(operators[i])) != 0)
		i++;
	selector += i < 4 ? strlen(operators[i]) : 0;
	if (!parse(selector, &want) || !parse(version, &have))
		return false;
	if (i > 2) /* "=" or nothing: what is given */
		return compare(&want, &have, want.n) == 0;
	if (compare(&have, &want, PARTS) < 0)
		return false;
	if (i == 0)
		return true;
	return compare(&want, &have, i == 1 ? 1 : want.n < 2 ? want.n : 2) == 0;
}
