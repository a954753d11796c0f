/* SPDX-License-Identifier: Apache-2.0 */
/* `appsilo-ui settings`, which `appsilo settings` starts. */
#ifndef APPSILO_UI_SETTINGS_MAIN_H
#define APPSILO_UI_SETTINGS_MAIN_H

/** Returns the exit code when the window is closed. */
int settings_main(void);

#endif
