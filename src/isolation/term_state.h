/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the app's output has switched on in the user's terminal, as far as it gets in the
 * way of a question or is left behind by an app that was killed: the alternate screen, the
 * scroll region, mouse reports, bracketed paste, a hidden cursor. A small parser of the
 * control sequences of ECMA-48 and xterm; it draws nothing and decides nothing, so output
 * that fools it costs a repaint, never a wrong answer. Not thread-safe: the relay's lock.
 */
#ifndef APPSILO_ISOLATION_TERM_STATE_H
#define APPSILO_ISOLATION_TERM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERM_PARAMS_MAX 64
/* Enough for each of the sequences below. */
#define TERM_SEQUENCE_MAX 512

struct term_state {
	enum {
		TERM_GROUND,
		TERM_ESCAPE,	/* after ESC */
		TERM_CONTROL,	/* after ESC [ */
		TERM_STRING,	/* after ESC ], P, X, ^, _: up to BEL or ST */
		TERM_STRING_ESC, /* ESC in a string */
	} at;
	char params[TERM_PARAMS_MAX]; /* of the sequence under way; too long ones are ignored */
	size_t n_params;
	uint32_t modes;		     /* bits: index in the table of term_state.c */
	unsigned int alternate;	     /* 47, 1047 or 1049 while on the alternate screen, else 0 */
	unsigned int top, bottom;    /* the scroll region; 0: none */
	bool hidden_cursor, colours, keypad;
};

/** Follow @n bytes of output. */
void term_state_feed(struct term_state *state, const char *bytes, size_t n);

/**
 * The bytes that switch off what is on and return to the normal screen.
 * @ret  at least TERM_SEQUENCE_MAX bytes
 * Returns their number, 0 when the terminal is as it was.
 */
size_t term_state_off(const struct term_state *state, char *ret);

/** The bytes that switch it on again. The alternate screen comes back empty. */
size_t term_state_on(const struct term_state *state, char *ret);

/** Does the app draw on a screen of its own, so that it must paint again after a question? */
bool term_state_is_full_screen(const struct term_state *state);

#endif
