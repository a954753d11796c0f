/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a question on a terminal. Every byte of a name is shown, escaped, and never
 * cut; nothing the app chose can look like a line of ours. Thread-safe.
 */
#ifndef APPSILO_CONSENT_QUESTION_TEXT_H
#define APPSILO_CONSENT_QUESTION_TEXT_H

#include "consent/prompt.h"

/**
 * The whole text of @question, with control sequences unless TERM is missing or "dumb"
 * and with colours unless NO_COLOR is set.
 * @columns  width of the terminal
 * Returns a string to free; NULL when a name is too long to show or memory is short.
 */
char *question_text(const struct prompt_question *question, unsigned int columns) must_check;

#endif
