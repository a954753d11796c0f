/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/term_state.h"

#include "base/cleanup.h"
#include <string.h>

/* DEC private modes that are off in a shell's terminal: cursor keys, mouse (X10, normal,
 * highlight, button, any motion, focus, UTF-8, SGR, urxvt, pixels), bracketed paste. */
static const unsigned int modes[] = {1,	   9,	 1000, 1001, 1002, 1003, 1004,
				     1005, 1006, 1015, 1016, 2004};

static void set_mode(struct term_state *s, unsigned int number, bool on)
{
	if (number == 47 || number == 1047 || number == 1049)
		s->alternate = on ? number : 0;
	else if (number == 25)
		s->hidden_cursor = !on;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (modes[i] == number)
			s->modes = on ? s->modes | 1u << i : s->modes & ~(1u << i);
}

/* The next number of "1;22"; an empty one is 0. */
static unsigned int next_number(const char **at)
{
	unsigned int value = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		if (value < 100000)
			value = value * 10 + (unsigned int)(**at - '0');
	if (**at == ';')
		(*at)++;
	return value;
}

static void forget(struct term_state *s)
{
	*s = (struct term_state){.at = s->at};
}

static void take_control(struct term_state *s, char final)
{
	const char *at = s->params;

	s->params[s->n_params] = '\0';
	if (*at == '?' && (final == 'h' || final == 'l')) {
		at++;
		while (*at && *at != ' ')
			if (*at < '0' || *at > ';')
				return;
			else
				set_mode(s, next_number(&at), final == 'h');
	} else if (final == 'r' && *at != '?') {
		s->top = next_number(&at);
		s->bottom = next_number(&at);
		if (s->bottom == 0)
			s->top = 0; /* to the last line: as good as none */
	} else if (final == 'm' && *at != '>' && *at != '?') {
		s->colours = *at && strcmp(at, "0") != 0;
	} else if (final == 'p' && strcmp(at, "!") == 0) {
		unsigned int alternate = s->alternate;

		forget(s); /* a soft reset stays on its screen */
		s->alternate = alternate;
	}
}

static void take_escape(struct term_state *s, char c)
{
	s->at = TERM_GROUND;
	if (c == '[') {
		s->at = TERM_CONTROL;
		s->n_params = 0;
	} else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
		s->at = TERM_STRING;
	} else if (c == 'c') {
		forget(s);
	} else if (c == '=' || c == '>') {
		s->keypad = c == '=';
	} else if (c == '\033') {
		s->at = TERM_ESCAPE;
	}
}

static void take_byte(struct term_state *s, char c)
{
	if (c == '\030' || c == '\032') { /* CAN, SUB: cancel any sequence */
		s->at = TERM_GROUND;
		return;
	}
	switch (s->at) {
	case TERM_GROUND:
		s->at = c == '\033' ? TERM_ESCAPE : TERM_GROUND;
		break;
	case TERM_ESCAPE:
		take_escape(s, c);
		break;
	case TERM_CONTROL:
		if (c == '\033') {
			s->at = TERM_ESCAPE;
		} else if (c >= 0x40 && c <= 0x7e) {
			s->at = TERM_GROUND;
			if (s->n_params < TERM_PARAMS_MAX)
				take_control(s, c);
		} else if (c >= 0x20 && s->n_params < TERM_PARAMS_MAX) {
			/* The last place is kept for the NUL: full means too long. */
			s->params[s->n_params++] = c;
		}
		break;
	case TERM_STRING:
		s->at = c == '\007'   ? TERM_GROUND
			: c == '\033' ? TERM_STRING_ESC
				      : TERM_STRING;
		break;
	case TERM_STRING_ESC:
		if (c == '\\')
			s->at = TERM_GROUND;
		else
			take_escape(s, c);
		break;
	}
}

void term_state_feed(struct term_state *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s->at == TERM_GROUND) {
			/* Most output is plain: on to the next escape. */
			const char *next = memchr(bytes + i, '\033', n - i);

			if (!next)
				return;
			i = (size_t)(next - bytes);
		}
		take_byte(s, bytes[i]);
	}
}

static size_t add(char *ret, size_t used, const char *text)
{
	size_t n = strlen(text);

	memcpy(ret + used, text, n);
	return used + n;
}

static size_t add_mode(char *ret, size_t used, unsigned int number, char letter)
{
	char text[32];

	snprintf(text, sizeof(text), "\033[?%u%c", number, letter);
	return add(ret, used, text);
}

size_t term_state_off(const struct term_state *s, char *ret)
{
	size_t n = 0;

	if (s->at != TERM_GROUND)
		n = add(ret, n, "\030\033\\");
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (s->modes & 1u << i)
			n = add_mode(ret, n, modes[i], 'l');
	if (s->keypad)
		n = add(ret, n, "\033>");
	if (s->colours)
		n = add(ret, n, "\033[0m");
	/* Setting the region moves the cursor: keep it. */
	if (s->bottom)
		n = add(ret, n, "\0337\033[r\0338");
	if (s->alternate)
		n = add_mode(ret, n, s->alternate, 'l');
	if (s->hidden_cursor)
		n = add(ret, n, "\033[?25h");
	return n;
}

size_t term_state_on(const struct term_state *s, char *ret)
{
	size_t n = 0;
	char text[64];

	if (s->alternate)
		n = add_mode(ret, n, s->alternate, 'h');
	if (s->bottom) {
		snprintf(text, sizeof(text), "\0337\033[%u;%ur\0338", s->top ? s->top : 1, s->bottom);
		n = add(ret, n, text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (s->modes & 1u << i)
			n = add_mode(ret, n, modes[i], 'h');
	if (s->keypad)
		n = add(ret, n, "\033=");
	if (s->hidden_cursor)
		n = add(ret, n, "\033[?25l");
	return n;
}

bool term_state_is_full_screen(const struct term_state *s)
{
	return s->alternate || s->bottom;
}
