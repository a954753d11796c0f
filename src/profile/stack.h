/* SPDX-License-Identifier: Apache-2.0 */
/* The call stack of a record, for people and programs. Names in it are the program's: whoever shows a
 * frame escapes them. Thread-safe. */
#ifndef APPSILO_PROFILE_STACK_H
#define APPSILO_PROFILE_STACK_H

#include "base/json.h"
#include "consent/stack_text.h"

/* So many frames say who asked. */
#define STACK_SHOWN 3

/** The innermost frames of @stack that a person knows: Python's without the import system's, or where
 * there are none, native ones. Returns how many. */
size_t stack_pick(const char *stack, struct stack_frame ret[STACK_SHOWN]);

/** Room for stack_words(). */
#define STACK_WORDS_MAX (2 * STACK_NAME_MAX + 64)

/** A frame in words, raw: "main (/home/u/x.py:12)". Returns @ret. */
const char *stack_words(const struct stack_frame *frame, char ret[STACK_WORDS_MAX]);

/** An array of all frames, as appsilo-profile(1) has it. */
void stack_put_json(struct json_writer *writer, const char *key, const char *stack);

#endif
