/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo-ui: the windows. A program of its own, so that neither the broker nor the front maps
 * GTK. docs/ARCHITECTURE.md, Windows.
 */
#include "base/log.h"
#include "ui/prompt_main.h"
#include "ui/settings_main.h"
#include <glib.h>
#include <string.h>

int main(int argc, char **argv)
{
	g_set_prgname("appsilo-ui");
	g_set_application_name("appsilo");
	if (argc == 2 && strcmp(argv[1], "prompt") == 0)
		return prompt_main();
	if (argc == 2 && strcmp(argv[1], "settings") == 0)
		return settings_main();
	log_error("appsilo-ui is started by appsilo run and appsilo settings");
	return 125;
}
