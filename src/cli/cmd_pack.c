/* SPDX-License-Identifier: Apache-2.0 */
/* pack and unpack: packages as files. */
#include "cli/command.h"

#include "base/json.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "package/msix.h"
#include <string.h>

enum {
	OPT_OUTPUT,
	OPT_JOBS,
	OPT_MAX_SIZE,
	OPT_JSON,
};

#define ROW_JOBS {OPT_JOBS, "--jobs", "N", "work with N threads (default: one for each core)"}
#define ROW_MAX_SIZE {OPT_MAX_SIZE, "--max-size", "BYTES", "take packages that unpack to so much"}
#define ROW_JSON {OPT_JSON, "--json", NULL, "say the result as JSON"}
#define ROW_END {0, NULL, NULL, NULL}

static const struct option_row pack_options[] = {
	{OPT_OUTPUT, "-o", "FILE", "the package to write"}, ROW_JOBS, ROW_JSON, ROW_END};
static const struct option_row unpack_options[] = {ROW_JOBS, ROW_MAX_SIZE, ROW_JSON, ROW_END};

struct wishes {
	const char *output;
	struct msix_options options;
	bool json;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;
	uint64_t number = 0;
	int r = 0;

	if (row->id == OPT_OUTPUT)
		w->output = value;
	else if (row->id == OPT_JSON)
		w->json = true;
	else if (row->id == OPT_JOBS)
		r = command_number(value, 1024, &number);
	else
		r = command_number(value, INT64_MAX, &w->options.max_bytes);
	if (row->id == OPT_JOBS)
		w->options.threads = (unsigned int)number;
	return r;
}

static int print_counts(const struct wishes *w, const char *path, const char *did,
			const struct msix_counts *counts)
{
	char text[8 * PATH_MAX], shown[PATH_MAX];
	struct json_writer j;

	if (!w->json) {
		printf("%s: %s: %llu files, %llu links, %llu bytes in %llu\n",
		       text_show(path, shown, sizeof(shown)), did, (unsigned long long)counts->files,
		       (unsigned long long)counts->links, (unsigned long long)counts->bytes,
		       (unsigned long long)counts->packed_bytes);
		return EXIT_OK;
	}
	jsonw_init(&j, text, sizeof(text));
	jsonw_open(&j, NULL, '{');
	jsonw_string(&j, "path", path);
	jsonw_string(&j, "result", did);
	jsonw_int(&j, "files", (int64_t)counts->files);
	jsonw_int(&j, "links", (int64_t)counts->links);
	jsonw_int(&j, "blocks", (int64_t)counts->blocks);
	jsonw_int(&j, "bytes", (int64_t)counts->bytes);
	jsonw_int(&j, "packed_bytes", (int64_t)counts->packed_bytes);
	jsonw_close(&j, '}');
	if (jsonw_finish(&j) < 0)
		return EXIT_FAILED;
	fputs(text, stdout);
	return EXIT_OK;
}

/* Options and @n words; the bar is ready. */
static int start(int argc, char **argv, const struct option_row *rows, int n, const char *what,
		 struct wishes *ret, struct progress *bar, struct appsilo_error *err)
{
	int words = command_options(argc, argv, rows, take, ret, err);

	if (words >= 0 && words != n)
		words = error_say(err, -EINVAL, "%s: wrong number of words; see appsilo %s --help",
				  argv[0], argv[0]);
	interrupt_catch();
	progress_start(bar, what);
	ret->options.progress = progress_tell;
	ret->options.progress_data = bar;
	return words < 0 ? words : 0;
}

static int run_pack(int argc, char **argv, struct appsilo_error *err)
{
	struct wishes w = {0};
	struct progress bar;
	struct msix_counts counts;
	struct msix_pack_options options;
	int r = start(argc, argv, pack_options, 1, "packing", &w, &bar, err);

	if (r == 0 && !w.output)
		r = error_say(err, -EINVAL, "pack: where to? appsilo pack DIR -o FILE.msix");
	if (r < 0)
		return EXIT_USAGE;
	options.common = w.options;
	r = msix_pack(argv[1], w.output, &options, &counts, err);
	progress_end(&bar);
	return r < 0 ? EXIT_FAILED : print_counts(&w, w.output, "packed", &counts);
}

static int run_unpack(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = NULL;
	struct wishes w = {0};
	struct progress bar;
	struct msix_counts counts;
	int r = start(argc, argv, unpack_options, 2, "unpacking", &w, &bar, err);

	if (r < 0)
		return EXIT_USAGE;
	r = msix_open(argv[1], &w.options, &msix, err);
	if (r == 0)
		r = msix_unpack(msix, argv[2], false, &counts, err);
	progress_end(&bar);
	return r < 0 ? EXIT_FAILED : print_counts(&w, argv[1], "unpacked", &counts);
}

const struct command command_pack = {"pack", "[OPTIONS] DIR -o FILE.msix",
				     "pack a folder with an AppxManifest.xml into a package",
				     pack_options, run_pack};
const struct command command_unpack = {"unpack", "[OPTIONS] FILE.msix DIR",
				       "check a package and unpack it into a new folder",
				       unpack_options, run_unpack};
