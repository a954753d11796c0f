/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a command line that a person may copy into a shell. Thread-safe. */
#ifndef APPSILO_BASE_SHELL_H
#define APPSILO_BASE_SHELL_H

#include "base/cleanup.h"
#include <stdbool.h>

/* Bytes that a word of @n bytes needs at most. */
#define SHELL_QUOTED_SIZE(n) (4 * (n) + 4)

/**
 * Write @word so that any shell reads exactly it: plain, or in single quotes. What does not show is
 * in it as it is: whoever shows it escapes it.
 * Returns 0; -ENAMETOOLONG when it does not fit.
 */
int shell_quote(const char *word, char *ret, size_t size) must_check;

/** The same, so that a terminal shows all of it: where it has characters that do not show
 * (base/text.h), as $'...', which bash, zsh and ksh read. */
int shell_quote_shown(const char *word, char *ret, size_t size) must_check;

/** Is @text nothing but such words with blanks between them: one command, that a shell would not
 * see more in, and that shows? */
bool shell_is_quoted(const char *text);

#endif
