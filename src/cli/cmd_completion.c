/* SPDX-License-Identifier: Apache-2.0 */
/* completion: scripts for bash, zsh and fish, from the command tables. */
#include "cli/command.h"

#include "base/text.h"
#include <string.h>

static const struct option_row completion_options[] = {{0, NULL, NULL, NULL}};

static void print_words(const struct command *c)
{
	for (const struct option_row *row = c->options; row && row->name; row++)
		printf("%s ", row->name);
}

static void print_bash(void)
{
	printf("_appsilo() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words=\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"");
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	printf("\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t%s) words=\"", commands[i]->name);
		print_words(commands[i]);
		printf("\" ;;\n");
	}
	printf("\t\tesac\n\tfi\n\tif [[ $cur == -* || $COMP_CWORD -eq 1 ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\telse\n"
	       "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n}\n"
	       "complete -o filenames -F _appsilo appsilo\n");
}

static void print_zsh(void)
{
	printf("#compdef appsilo\n_appsilo() {\n\tlocal -a words\n"
	       "\tif (( CURRENT == 2 )); then\n\t\twords=(");
	for (size_t i = 0; commands[i]; i++)
		printf("'%s:%s' ", commands[i]->name, commands[i]->summary);
	printf(")\n\t\t_describe command words\n\t\treturn\n\tfi\n\tcase $words[2] in\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t%s) compadd -- ", commands[i]->name);
		print_words(commands[i]);
		printf(";;\n");
	}
	printf("\tesac\n\t_files\n}\n_appsilo \"$@\"\n");
}

static void print_fish(void)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct option_row *row = commands[i]->options;

		printf("complete -c appsilo -n __fish_use_subcommand -f -a %s -d \"%s\"\n",
		       commands[i]->name, commands[i]->summary);
		for (; row && row->name; row++)
			printf("complete -c appsilo -n '__fish_seen_subcommand_from %s' %s %s%s -d "
			       "\"%s\"\n",
			       commands[i]->name, row->name[1] == '-' ? "-l" : "-s",
			       row->name + (row->name[1] == '-' ? 2 : 1), row->argument ? " -r" : "",
			       row->summary);
	}
}

static int run_completion(int argc, char **argv, struct appsilo_error *err)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(shells); i++) {
		if (strcmp(argv[1], shells[i].shell) == 0) {
			shells[i].print();
			return EXIT_OK;
		}
	}
	error_say(err, -EINVAL, "completion: use completion bash, zsh or fish");
	return EXIT_USAGE;
}

const struct command command_completion = {"completion", "bash|zsh|fish",
					   "print a completion script for a shell",
					   completion_options, run_completion};
