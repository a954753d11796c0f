/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a question, wherever it is shown: on a terminal (question_text.h) and in the
 * prompt window (ui/prompt_window.h). Thread-safe.
 */
#ifndef APPSILO_CONSENT_QUESTION_WORDS_H
#define APPSILO_CONSENT_QUESTION_WORDS_H

#include "base/cleanup.h"
#include "consent/types.h"
#include <stddef.h>

/* Room for the longest path, shown. */
#define QUESTION_SHOWN_MAX (4 * 4096)
/* Room for a command line, shown. */
#define QUESTION_COMMAND_MAX 1024

/** What the app wants to do: what stands after "wants to". */
const char *question_operation(const struct consent_request *request);
const char *question_host_operation(const struct consent_host_request *request);

/**
 * As text_escape(), and spaces that could push what follows to a line of its own, where it
 * might look like ours, are visible too. Still one to one: a backslash is doubled.
 * Returns 0; -ENAMETOOLONG.
 */
int question_escape(const char *bytes, size_t length, char *ret, size_t size) must_check;

/**
 * The command line of @pid, shown: only a hint, the program can change it.
 * @ret  buffer of @size bytes, QUESTION_COMMAND_MAX
 * Returns 0; -ESRCH; -ENAMETOOLONG.
 */
int question_command(pid_t pid, char *ret, size_t size) must_check;

#endif
