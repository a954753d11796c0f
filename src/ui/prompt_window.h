/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The window that asks. It shows one question at a time. Nothing answers by accident: the
 * answers become live half a second after the question is there and the window has the
 * focus, and begin anew when either changes; keys that were held down before, or repeat, are
 * none; closing it is No to this one, not remembered. GTK's thread only.
 */
#ifndef APPSILO_UI_PROMPT_WINDOW_H
#define APPSILO_UI_PROMPT_WINDOW_H

#include "ui/question.h"

struct prompt_window;

/** @answered is called once for each question that was shown. */
struct prompt_window *prompt_window_new(void (*answered)(void *data, const struct question *q,
							 const struct answer *answer),
					void *data);

/** Put @q, which is taken over, in place of whatever was shown. */
void prompt_window_ask(struct prompt_window *window, struct question *q);

/** So many more wait behind question @id. */
void prompt_window_set_waiting(struct prompt_window *window, int64_t id, unsigned int waiting);

#endif
