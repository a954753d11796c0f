/* SPDX-License-Identifier: Apache-2.0 */
/* completion: scripts for bash, zsh and fish, from the command tables. */
#include "cli/command.h"

#include <dirent.h>
#include <string.h>

static const struct option_row completion_options[] = {{0, NULL, NULL, NULL}};

static void print_words(const struct command *c)
{
	for (const struct option_row *row = c->options; row && row->name; row++)
		printf("%s ", row->name);
}

static bool takes_families(const struct option_row *row)
{
	return row->argument && strcmp(row->argument, "FAMILY") == 0;
}

/* Every family that has run here: what -p may name. */
static void print_families(void)
{
	struct appsilo_error err = {0};
	struct places places;
	char path[PATH_MAX + 16];
	struct dirent *entry;
	DIR *dir;

	if (places_find(&places, &err) < 0)
		return;
	snprintf(path, sizeof(path), "%s/profiles", places.data_dir);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			printf("%s\n", entry->d_name);
	if (dir)
		closedir(dir);
}

/* What the shells ask for again: the words of `appsilo completion families`. */
static void print_bash(void)
{
	printf("_appsilo() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\twords=\"");
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	printf("\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; commands[i]; i++) {
		printf("\t\t%s) words=\"", commands[i]->name);
		print_words(commands[i]);
		printf("\" ;;\n");
	}
	printf("\t\tesac\n\tfi\n"
	       "\tif [[ $prev == -p ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$(\"$1\" completion families)\" -- \"$cur\"))\n"
	       "\telif [[ $cur == -* || $COMP_CWORD -eq 1 ]]; then\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\telif [[ ${COMP_WORDS[1]} == help ]]; then\n\t\tCOMPREPLY=($(compgen -W \"");
	for (size_t i = 0; commands[i]; i++)
		printf("%s ", commands[i]->name);
	printf("\" -- \"$cur\"))\n\telse\n"
	       "\t\tlocal IFS=$'\\n'\n"
	       "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\tfi\n}\n"
	       "complete -o filenames -F _appsilo appsilo\n");
}

static void print_zsh(void)
{
	printf("#compdef appsilo\n_appsilo() {\n\tlocal -a words\n"
	       "\tif (( CURRENT == 2 )); then\n\t\twords=(");
	for (size_t i = 0; commands[i]; i++)
		printf("\"%s:%s\" ", commands[i]->name, commands[i]->summary);
	printf(")\n\t\t_describe command words\n\t\treturn\n\tfi\n"
	       "\tif [[ $words[CURRENT-1] == -p ]]; then\n"
	       "\t\tcompadd -- ${(f)\"$($words[1] completion families)\"}\n\t\treturn\n\tfi\n"
	       "\tcase $words[2] in\n");
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
			       row->name + (row->name[1] == '-' ? 2 : 1),
			       takes_families(row) ? " -x -a '(appsilo completion families)'"
			       : row->argument	   ? " -r"
						   : "",
			       row->summary);
	}
}

static int run_completion(int argc, char **argv, struct appsilo_error *err)
{
	static const struct {
		const char *shell;
		void (*print)(void);
	} shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

	if (argc == 2 && strcmp(argv[1], "families") == 0) {
		print_families();
		return EXIT_OK;
	}
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
