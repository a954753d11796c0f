/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/rule_words.h"

#include <string.h>

const char *rule_words_what(const struct snapshot_row *row)
{
	if (row->network)
		return row->verdict == CONSENT_ALLOW ? "May connect" : "May not connect";
	if (row->verdict == CONSENT_DENY)
		return row->access == CONSENT_READ ? "No access" : "May not change";
	return row->access == CONSENT_READ ? "May read" : "May read and change";
}

const char *rule_words_source(const struct snapshot_row *row)
{
	switch ((enum consent_source)row->source) {
	case CONSENT_FROM_PROMPT:
		return "you were asked";
	case CONSENT_FROM_COMMAND_LINE:
		return "command line";
	case CONSENT_FROM_GRANT:
		return "granted";
	case CONSENT_FROM_OVERRIDE:
		return "granted, though always protected";
	}
	return "?";
}

bool rule_words_match(const struct snapshot_row *row, const char *search)
{
	return !search || strcasestr(row->what, search) || strcasestr(row->family, search);
}
