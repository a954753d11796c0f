/* SPDX-License-Identifier: Apache-2.0 */
/* why: every denial of a run, which rule, and how to allow it. */
#include "cli/command.h"

#include "base/text.h"
#include "cli/why_line.h"
#include <dirent.h>
#include <string.h>

enum {
	OPT_JSON,
};

static const struct option_row why_options[] = {
	{OPT_JSON, "--json", NULL, "as a JSON array"},
	{0, NULL, NULL, NULL},
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	*(bool *)data = true;
	return 0;
}

/* Run ids start with the time: the greatest is the newest. */
static int find_last(const char *dir, char ret[NAME_MAX + 1])
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	*ret = '\0';
	while (stream && (entry = readdir(stream))) {
		size_t n = strlen(entry->d_name);

		if (n > 6 && strcmp(entry->d_name + n - 6, ".jsonl") == 0 &&
		    strcmp(entry->d_name, ret) > 0)
			snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
	}
	if (stream)
		closedir(stream);
	if (!*ret)
		return -ENOENT;
	ret[strlen(ret) - 6] = '\0';
	return 0;
}

static int print_run(FILE *file, const char *id, bool json, struct appsilo_error *err)
{
	char *line = NULL;
	size_t size = 0, n = 0;
	ssize_t length;

	if (json)
		printf("[");
	while ((length = getline(&line, &size, file)) > 0) {
		bool denial;

		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (json)
			printf("%s\n  ", n ? "," : "");
		denial = why_line_show(line, (size_t)length, json, stdout);
		n += json || denial;
	}
	free(line);
	if (json)
		printf("%s]\n", n ? "\n" : "");
	else if (n > 0)
		printf("%zu denial%s in run %s\n", n, n == 1 ? "" : "s", id);
	return ferror(file) ? error_set(err, -EIO, "why: read the record of %s", id) : 0;
}

static int run_why(int argc, char **argv, struct appsilo_error *err)
{
	cleanup_fclose FILE *file = NULL;
	char dir[PATH_MAX + 8], path[PATH_MAX + NAME_MAX + 16], id[NAME_MAX + 1], shown[512];
	struct places places;
	bool json = false;
	int words = command_options(argc, argv, why_options, take, &json, err);

	if (words > 1)
		words = error_say(err, -EINVAL, "why: use why [LAST | RUN-ID]");
	if (words < 0)
		return EXIT_USAGE;
	if (places_find(&places, err) < 0)
		return EXIT_FAILED;
	snprintf(dir, sizeof(dir), "%s/runs", places.data_dir);
	if (words == 0 || strcmp(argv[1], "LAST") == 0) {
		if (find_last(dir, id) < 0) {
			printf(json ? "[]\n" : "nothing was denied in any run that is still on record\n");
			return EXIT_OK;
		}
	} else {
		snprintf(id, sizeof(id), "%s", argv[1]);
	}
	snprintf(path, sizeof(path), "%s/%s.jsonl", dir, id);
	if (!strchr(id, '/'))
		file = fopen(path, "re");
	if (!file) {
		error_say(err, -ENOENT,
			  "why: there is no record of run %s; runs without a denial leave none",
			  text_show(id, shown, sizeof(shown)));
		return EXIT_FAILED;
	}
	return print_run(file, id, json, err) < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command command_why = {"why", "[LAST | RUN-ID] [--json]",
				    "explain every denial of a run, and how to allow it",
				    why_options, run_why};
