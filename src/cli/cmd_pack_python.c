/* SPDX-License-Identifier: Apache-2.0 */
/* pack-python: a package of a whole Python. */
#include "cli/packing.h"

#include "package/pack_python.h"
#include <string.h>

enum {
	OPT_FROM = PACKING_OPTIONS,
	OPT_MODULE,
	OPT_WHEEL,
	OPT_SITE_PACKAGES,
};

static const struct option_row pack_python_options_table[] = {
	{OPT_FROM, "--from", "PREFIX", "the Python to pack: /usr, or the folder of another one"},
	{OPT_MODULE, "--module", "PATH", "add a folder or file of modules"},
	{OPT_WHEEL, "--wheel", "FILE", "add the modules of a wheel"},
	{OPT_SITE_PACKAGES, "--site-packages", NULL, "add the third-party modules of PREFIX"},
	PACKING_ROWS,
	{0, NULL, NULL, NULL},
};

struct wishes {
	struct packing_wishes common; /* first: packing_take() */
	struct pack_python_options python;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;

	switch (row->id) {
	case OPT_FROM:
		w->python.prefix = value;
		return 0;
	case OPT_MODULE:
		return packing_list(&w->python.modules, value);
	case OPT_WHEEL:
		return packing_list(&w->python.wheels, value);
	case OPT_SITE_PACKAGES:
		w->python.site_packages = true;
		return 0;
	default:
		return packing_take(&w->common, row, value);
	}
}

static int fill(struct stage *stage, const void *options, struct manifest *ret,
		struct appsilo_error *err)
{
	return pack_python(stage, options, ret, err);
}

static int run_pack_python(int argc, char **argv, struct appsilo_error *err)
{
	static struct wishes w = {.common.options.prompt = true};
	int words = command_options(argc, argv, pack_python_options_table, take, &w, err);

	if (words > 0)
		words = error_say(err, -EINVAL, "pack-python: takes no words; which Python? --from /usr");
	if (words == 0 && !w.python.prefix)
		words = error_say(err, -EINVAL, "pack-python: which Python? --from /usr");
	if (words == 0)
		words = packing_check(&w.common, argv[0], err);
	if (words < 0)
		return EXIT_USAGE;
	w.python.common = w.common.options;
	return packing_run(&w.common, fill, &w.python, err);
}

const struct command command_pack_python = {
	"pack-python", "--from PREFIX -o FILE.msix [OPTIONS]",
	"make a package of a Python: interpreter, library, all it needs",
	pack_python_options_table, run_pack_python};
