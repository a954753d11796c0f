/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the window, which is another program. */
#include "cli/command.h"

#include "cli/display.h"
#include "cli/programs.h"

static const struct option_row settings_options[] = {
	{0, NULL, NULL, NULL},
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)data;
	(void)row;
	(void)value;
	return -EINVAL;
}

static int run_settings(int argc, char **argv, struct appsilo_error *err)
{
	int words = command_options(argc, argv, settings_options, take, NULL, err);
	char program[PATH_MAX];

	if (words > 0)
		words = error_say(err, -EINVAL, "settings: takes no words");
	if (words < 0)
		return EXIT_USAGE;
	if (!display_is_there())
		error_say(err, -ENOTTY, "settings: there is no display; use appsilo consents, grant, revoke and reset");
	else if (programs_find("appsilo-ui", program, err) < 0)
		error_say(err, -ENOENT, "settings: the window (appsilo-ui) is not installed; use appsilo consents, "
					"grant, revoke and reset");
	else
		(void)programs_exec("appsilo-ui", (char *[]){program, (char *)"settings", NULL}, err);
	return EXIT_FAILED;
}

const struct command command_settings = {"settings", "", "a window: what was decided, app by app",
					 settings_options, run_settings};
