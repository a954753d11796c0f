/* SPDX-License-Identifier: Apache-2.0 */
/* help, version; run, python and serve as table entries only: other programs run them. */
#include "cli/command.h"

#include "base/text.h"
#include "mcp/options.h"
#include "server/serve_options.h"
#include "config.h"
#include <string.h>

enum {
	OPT_JSON,
};

static const struct option_row help_options[] = {
	{OPT_JSON, "--options-json", NULL, "every command with its options, for tests and tools"},
	{0, NULL, NULL, NULL},
};

static void print_options(const struct option_row *row)
{
	for (; row && row->name; row++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", row->name, row->argument ? " " : "",
			 row->argument ? row->argument : "");
		printf("  %-22s %s\n", left, row->summary);
	}
}

static void print_all(void)
{
	printf("Usage: appsilo COMMAND [OPTIONS]\n\n"
	       "Run a native program inside a security boundary; it reaches your files only by consent.\n\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-14s %s\n", commands[i]->name, commands[i]->summary);
	printf("\nTry:  appsilo python                      Python that asks before it touches a file\n"
	       "      appsilo run --prompt never -- CMD   no questions: only what was granted\n"
	       "      appsilo help COMMAND                options of one command\n");
}

static void print_one(const struct command *c)
{
	printf("Usage: appsilo %s %s\n\n%s.\n", c->name, c->usage, c->summary);
	if (c->options && c->options->name)
		printf("\nOptions:\n");
	print_options(c->options);
	if (c == &command_run || c == &command_python)
		printf("\nExit code: the program's own; 124 time limit, 125 appsilo failed, 126 may not "
		       "be executed,\n127 not found, 128+N killed by signal N.\n");
}

static void print_json(void)
{
	printf("{");
	for (size_t i = 0; commands[i]; i++) {
		const struct option_row *row = commands[i]->options;

		printf("%s\n  \"%s\": [", i ? "," : "", commands[i]->name);
		for (bool first = true; row && row->name; row++, first = false)
			printf("%s\"%s\"", first ? "" : ", ", row->name);
		printf("]");
	}
	printf("\n}\n");
}

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	*(bool *)data = true;
	return 0;
}

static int run_help(int argc, char **argv, struct appsilo_error *err)
{
	bool json = false;
	int words = command_options(argc, argv, help_options, take, &json, err);
	const struct command *c;
	char shown[256];

	if (words > 1 || (words == 1 && json))
		words = error_say(err, -EINVAL, "help: one COMMAND at most, or --options-json alone");
	if (words < 0)
		return EXIT_USAGE;
	if (json) {
		print_json();
		return EXIT_OK;
	}
	if (words == 0) {
		print_all();
		return EXIT_OK;
	}
	c = command_find(argv[1]);
	if (!c) {
		error_say(err, -EINVAL, "help: there is no command %s; see appsilo --help",
			  text_show(argv[1], shown, sizeof(shown)));
		return EXIT_USAGE;
	}
	print_one(c);
	return EXIT_OK;
}

static int run_version(int argc, char **argv, struct appsilo_error *err)
{
	(void)argv;
	if (argc > 1) {
		error_say(err, -EINVAL, "version: takes no words");
		return EXIT_USAGE;
	}
	printf("appsilo %s\n", APPSILO_VERSION);
	return EXIT_OK;
}

static int run_elsewhere(int argc, char **argv, struct appsilo_error *err)
{
	(void)argc;
	error_say(err, -EINVAL, "%s: start it as appsilo %s", argv[0], argv[0]);
	return EXIT_USAGE;
}

const struct command command_help = {"help", "[COMMAND]", "show this, or the options of a command",
				     help_options, run_help};
const struct command command_version = {"version", "", "show the version", NULL, run_version};
const struct command command_run = {
	"run", "[OPTIONS] [-p FAMILY] -- COMMAND [ARG...]",
	"run a program isolated; it asks before it touches your files", run_option_table,
	run_elsewhere};
const struct command command_python = {
	"python", "[OPTIONS] [--] [PYTHON-ARG...]",
	"start the system's Python isolated; it asks before it touches your files", run_option_table,
	run_elsewhere};
const struct command command_serve = {
	"serve", "[OPTIONS]", "run strangers' programs, sent over HTTP, in sandboxes", serve_option_table,
	run_elsewhere};
const struct command command_mcp = {
	"mcp", "[OPTIONS]", "let a language model run programs and use files, in sandboxes (MCP)", mcp_option_table,
	run_elsewhere};
