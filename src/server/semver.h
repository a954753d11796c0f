/* SPDX-License-Identifier: Apache-2.0 */
/* Version selectors as npm has them, as far as clients of Piston use them. Thread-safe. */
#ifndef APPSILO_SERVER_SEMVER_H
#define APPSILO_SERVER_SEMVER_H

#include <stdbool.h>

/** "*", "3", "3.x", "3.11.2", "^3.10", "~3.11", ">=3": does @version ("3.11.2") fit? */
bool semver_fits(const char *selector, const char *version);

#endif
