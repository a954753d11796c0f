/* SPDX-License-Identifier: Apache-2.0 */
/* `appsilo-ui prompt`: the prompter that a run starts. docs/man/appsilo-prompt.7.scd. */
#ifndef APPSILO_UI_PROMPT_MAIN_H
#define APPSILO_UI_PROMPT_MAIN_H

/** Reads questions from stdin and answers on stdout until stdin ends. Returns the exit code. */
int prompt_main(void);

#endif
