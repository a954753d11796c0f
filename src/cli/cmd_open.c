/* SPDX-License-Identifier: Apache-2.0 */
/* open: choosing files for an app is consent for just those files. */
#include "cli/packages.h"

#include "base/path.h"
#include "base/text.h"
#include "package/record.h"
#include <string.h>
#include <sys/stat.h>

enum {
	OPT_APP,
	OPT_READ,
	OPT_PROMPT,
};

static const struct option_row open_options[] = {
	{OPT_APP, "--app", "ID", "this application of the package"},
	{OPT_READ, "--read", NULL, "let it read the files, not change them"},
	{OPT_PROMPT, "--prompt", "P", "as of appsilo run"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	const char *app, *prompt;
	bool read;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;

	if (row->id == OPT_APP)
		w->app = value;
	else if (row->id == OPT_PROMPT)
		w->prompt = value;
	else
		w->read = true;
	return 0;
}

/* The first application is the one that opens files, unless another one was named. */
static int first_application(const struct installed_package *package, struct record *record,
			     const char **ret, struct appsilo_error *err)
{
	cleanup_close int fd = installed_open(package, err);
	int r = fd < 0 ? fd : record_read(fd, package->path, record, err);

	if (r < 0)
		return r;
	*ret = record_get(record, "app");
	return *ret ? 0 : error_say(err, -ENOENT, "open: %s has no application",
				    package->identity.family);
}

static int add_file(char **words, size_t *n, const char *given, bool read, struct appsilo_error *err)
{
	char path[PATH_MAX], shown[512];
	struct stat st;

	text_show(given, shown, sizeof(shown));
	if (!realpath(given, path) || stat(path, &st) < 0)
		return error_set(err, -errno, "open: %s", shown);
	if (S_ISDIR(st.st_mode))
		return error_say(err, -EISDIR, "open: %s is a folder; use appsilo grant for folders",
				 shown);
	words[*n] = strdup(read ? "--allow-read" : "--allow-write");
	words[*n + 1] = strdup(path);
	*n += 2;
	return words[*n - 1] ? 0 : error_set(err, -ENOMEM, "open");
}

static int become_app(const struct package_places *places, const char *family,
		      const struct wishes *w, char **files, int n_files, struct appsilo_error *err)
{
	char **words = calloc((size_t)n_files * 3 + 12, sizeof(*words));
	size_t n = 0, first;

	if (!words)
		return error_set(err, -ENOMEM, "open");
	words[n++] = (char *)places->program;
	words[n++] = (char *)"run";
	words[n++] = (char *)"-p";
	words[n++] = (char *)family;
	words[n++] = (char *)"--app";
	words[n++] = (char *)w->app;
	if (w->prompt) {
		words[n++] = (char *)"--prompt";
		words[n++] = (char *)w->prompt;
	}
	first = n;
	for (int i = 0; i < n_files; i++)
		if (add_file(words, &n, files[i], w->read, err) < 0)
			return err->code;
	words[n++] = (char *)"--";
	for (int i = 0; i < n_files; i++)
		words[n++] = words[first + 2 * (size_t)i + 1];
	execv(places->program, words);
	return error_set(err, -errno, "open: start %s", places->program);
}

static int run_open(int argc, char **argv, struct appsilo_error *err)
{
	static struct package_places places;
	static struct installed_package package;
	static struct record record;
	struct wishes w = {0};
	int words = command_options(argc, argv, open_options, take, &w, err);
	int r;

	if (words >= 0 && (words < 2 || words > RUN_LIST_MAX))
		words = error_say(err, -EINVAL, "open: use appsilo open FAMILY FILE...");
	if (words < 0)
		return EXIT_USAGE;
	r = packages_places(false, &places, err);
	if (r == 0)
		r = packages_find(&places, argv[1], &package, err);
	if (r == 0 && !w.app)
		r = first_application(&package, &record, &w.app, err);
	if (r == 0)
		r = become_app(&places, package.identity.family, &w, argv + 2, words - 1, err);
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command command_open = {"open", "[OPTIONS] FAMILY FILE...",
				     "open files with an app: consent for just those files",
				     open_options, run_open};
