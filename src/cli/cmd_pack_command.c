/* SPDX-License-Identifier: Apache-2.0 */
/* pack-command: a package of any program. */
#include "cli/packing.h"

#include "package/pack_command.h"
#include <string.h>

enum {
	OPT_ADD = PACKING_OPTIONS,
};

static const struct option_row pack_command_options_table[] = {
	{OPT_ADD, "--add", "PATH", "add a file or folder below /usr that the program reads"},
	PACKING_ROWS,
	{0, NULL, NULL, NULL},
};

struct wishes {
	struct packing_wishes common; /* first: packing_take() */
	struct pack_command_options command;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;

	return row->id == OPT_ADD ? packing_list(&w->command.extra, value)
				  : packing_take(&w->common, row, value);
}

static int fill(struct stage *stage, const void *options, struct manifest *ret,
		struct appsilo_error *err)
{
	return pack_command(stage, options, ret, err);
}

static int run_pack_command(int argc, char **argv, struct appsilo_error *err)
{
	static struct wishes w = {.common.options.prompt = true};
	static char program[PATH_MAX];
	int words = command_options(argc, argv, pack_command_options_table, take, &w, err);

	if (words >= 0 && words != 1)
		words = error_say(err, -EINVAL, "pack-command: which program? appsilo pack-command "
						"/usr/bin/node -o node.msix");
	if (words == 1)
		words = packing_check(&w.common, argv[0], err);
	if (words < 0)
		return EXIT_USAGE;
	w.command.common = w.common.options;
	w.command.path = getenv("PATH");
	if (!w.command.path)
		w.command.path = "/usr/bin:/bin";
	if (packing_find(argv[1], w.command.path, program, err) < 0)
		return EXIT_FAILED;
	w.command.program = program;
	return packing_run(&w.common, fill, &w.command, err);
}

const struct command command_pack_command = {
	"pack-command", "PROGRAM -o FILE.msix [OPTIONS]",
	"make a package of a program and the libraries it needs",
	pack_command_options_table, run_pack_command};
