/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the window, or a list on the terminal; both are other programs. */
#include "cli/command.h"

#include "cli/display.h"
#include "cli/programs.h"

enum {
	OPT_TUI,
};

static const struct option_row settings_options[] = {
	{OPT_TUI, "--tui", NULL, "on this terminal, also where there is a display"},
	{0, NULL, NULL, NULL},
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	*(bool *)data = true;
	return 0;
}

static int run_settings(int argc, char **argv, struct appsilo_error *err)
{
	bool tui = false;
	int words = command_options(argc, argv, settings_options, take, &tui, err);
	char program[PATH_MAX];

	if (words > 0)
		words = error_say(err, -EINVAL, "settings: takes no words");
	if (words < 0)
		return EXIT_USAGE;
	tui = tui || (!display_is_there() && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
	if (!tui && !display_is_there())
		error_say(err, -ENOTTY, "settings: there is neither a display nor a terminal; use appsilo consents, grant, "
					"revoke and reset");
	else if (programs_find(tui ? "appsilo-tui" : "appsilo-ui", program, err) < 0)
		error_say(err, -ENOENT, "settings: %s is not installed; use appsilo consents, grant, revoke and reset",
			  tui ? "its terminal program (appsilo-tui)" : "the window (appsilo-ui)");
	else
		(void)programs_exec(tui ? "appsilo-tui" : "appsilo-ui", (char *[]){program, (char *)(tui ? NULL : "settings"), NULL}, err);
	return EXIT_FAILED;
}

const struct command command_settings = {"settings", "[--tui]", "what was decided, app by app: a window, or a list on the terminal",
					 settings_options, run_settings};
