/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call stack as one line of text, the innermost frame first: what appsilo-stacks answers and
 * the column `stack` of AccessAttemptRecords.csv holds. Frames are separated by '|':
 *
 *     python FUNCTION FILE LINE        native FUNCTION MODULE +OFFSET        more
 *
 * "more": there are more than are here. Names are of the program, and hostile: each is escaped
 * (base/text.h), and a space or '|' in it as well; one that is not known is "-". Thread-safe: no state.
 */
#ifndef APPSILO_CONSENT_STACK_TEXT_H
#define APPSILO_CONSENT_STACK_TEXT_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

/* Bytes of a stack with its NUL, and frames of each kind. */
#define STACK_TEXT_MAX 8192
#define STACK_FRAMES_MAX 32
/* Bytes of a name with its NUL, unescaped. What is longer is not recorded, and never cut. */
#define STACK_NAME_MAX 1024

enum stack_kind { STACK_PYTHON, STACK_NATIVE, STACK_MORE };

struct stack_frame {
	enum stack_kind kind;
	char function[STACK_NAME_MAX], file[STACK_NAME_MAX]; /* raw; "": not known */
	uint64_t number; /* the line; where in FUNCTION, or without one in MODULE */
};

struct stack_writer {
	char text[STACK_TEXT_MAX];
	size_t n;
	bool full; /* nothing is added any more */
};

/** Add a frame; where it does not fit, the stack ends with "more". */
void stack_add(struct stack_writer *writer, const struct stack_frame *frame);

/**
 * Take the first frame off @at, which becomes NULL behind the last.
 * Returns 0; -EINVAL where it is not as stack_add() writes it.
 */
int stack_next(const char **at, struct stack_frame *ret) must_check;

/** Is @text "", or nothing but such frames? */
bool stack_is_valid(const char *text);

#endif
