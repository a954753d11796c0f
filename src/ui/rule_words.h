/* SPDX-License-Identifier: Apache-2.0 */
/* A decision in words, wherever settings show it. Thread-safe. */
#ifndef APPSILO_UI_RULE_WORDS_H
#define APPSILO_UI_RULE_WORDS_H

#include "ui/snapshot.h"

/** "May read and change" */
const char *rule_words_what(const struct snapshot_row *row);

/** "you were asked" */
const char *rule_words_source(const struct snapshot_row *row);

/** Is @search in its path, host or app? NULL is in all. */
bool rule_words_match(const struct snapshot_row *row, const char *search);

#endif
