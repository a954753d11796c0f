/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/display.h"

#include <stdlib.h>

bool display_is_there(void)
{
	const char *wayland = getenv("WAYLAND_DISPLAY"), *x11 = getenv("DISPLAY");

	return (wayland && *wayland) || (x11 && *x11);
}
