/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctrl-C and its like for commands that leave files behind when they just end: the signal is
 * noted, work that takes long looks for it and fails, and what any failure cleans up is gone.
 */
#ifndef APPSILO_CLI_INTERRUPT_H
#define APPSILO_CLI_INTERRUPT_H

/** From now on SIGINT, SIGTERM and SIGHUP are noted, the first time; a second one ends the
 * process. What the caller ignores (nohup) stays ignored. */
void interrupt_catch(void);

/** The number of the signal that came; 0: none. */
int interrupt_signal(void);

#endif
