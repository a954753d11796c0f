/* SPDX-License-Identifier: Apache-2.0 */
/* Is there a screen for a window? Thread-safe. */
#ifndef APPSILO_CLI_DISPLAY_H
#define APPSILO_CLI_DISPLAY_H

#include <stdbool.h>

/** Whether the environment names a display; one that does not answer is the window's problem. */
bool display_is_there(void);

#endif
