/* SPDX-License-Identifier: Apache-2.0 */
/* appsilo-tool: every command but run and python. Started by the front. */
#include "base/log.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/command.h"
#include <string.h>

static int wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return 1;
	return 0;
}

static int dispatch(int argc, char **argv, struct appsilo_error *err)
{
	const char *name = argc > 1 ? argv[1] : "help";
	const struct command *c;
	char shown[256];

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0)
		name = "version";
	c = command_find(name);
	if (!c) {
		const char *near = command_nearest(name);

		text_show(name, shown, sizeof(shown));
		if (near)
			error_say(err, -EINVAL, "there is no command %s; did you mean %s?", shown, near);
		else
			error_say(err, -EINVAL,
				  "there is no command %s; see appsilo --help, or to start a program "
				  "isolated: appsilo run -- %s",
				  shown, shown);
		return EXIT_USAGE;
	}
	if (argc > 2 && wants_help(argc - 1, argv + 1)) {
		char *words[] = {(char *)"help", (char *)name, NULL};

		return command_help.run(2, words, err);
	}
	if (argc < 2) {
		char *words[] = {(char *)"help", NULL};

		command_help.run(1, words, err);
		error_say(err, -EINVAL, "which command?");
		return EXIT_USAGE;
	}
	return c->run(argc - 1, argv + 1, err);
}

int main(int argc, char **argv)
{
	struct appsilo_error err = {0};
	int code = dispatch(argc, argv, &err);

	if (fflush(stdout) != 0 && code == EXIT_OK) {
		error_set(&err, -errno, "cannot write the output");
		code = EXIT_FAILED;
	}
	if (code != EXIT_OK && interrupt_signal()) {
		error_say(&err, -ECANCELED, "%s: interrupted; nothing was kept", argv[1]);
		code = 128 + interrupt_signal();
	}
	if (code != EXIT_OK && err.line[0])
		log_error("%s", err.line);
	return code;
}
