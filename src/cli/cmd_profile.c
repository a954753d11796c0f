/* SPDX-License-Identifier: Apache-2.0 */
/* profile: which capabilities and grants does a program need? Starting and ending it is here. */
#include "cli/profile.h"

#include "base/fd.h"
#include "base/text.h"
#include "broker/attempts.h"
#include "cli/programs.h"
#include "package/installed.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum {
	OPT_FAMILY,
	OPT_ALLOW,
	OPT_STACKS,
	OPT_RUN,
	OPT_MANIFEST,
	OPT_OUTPUT,
	OPT_HTML,
	OPT_JSON,
};

static const struct option_row profile_options[] = {
	{OPT_FAMILY, "-p", "FAMILY", "the package (start: its runs, until stop)"},
	{OPT_ALLOW, "--allow", NULL, "start: let through what no rule allows, instead of denying it"},
	{OPT_STACKS, "--stacks", NULL, "start: record which functions asked (call stacks)"},
	{OPT_RUN, "--run", "RUN-ID", "report: this run alone"},
	{OPT_MANIFEST, "--manifest", "FILE", "report, merge: add what was found to this manifest"},
	{OPT_OUTPUT, "-o", "DIR", "report, merge: write all files into DIR"},
	{OPT_HTML, "--html", NULL, "report, merge: and report.html, a page with pictures"},
	{OPT_JSON, "--json", NULL, "report, merge: print a JSON object"},
	{0, NULL, NULL, NULL},
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct profile_wishes *w = data;

	w->given |= 1u << row->id;
	switch (row->id) {
	case OPT_FAMILY:
		w->family = value;
		break;
	case OPT_RUN:
		w->run = value;
		break;
	case OPT_MANIFEST:
		w->manifest = value;
		break;
	case OPT_OUTPUT:
		w->folder = value;
		break;
	case OPT_HTML:
		w->html = true;
		break;
	case OPT_JSON:
		w->json = true;
		break;
	case OPT_ALLOW:
		w->allow = true;
		break;
	case OPT_STACKS:
		w->stacks = true;
		break;
	default:
		break;
	}
	return 0;
}

static int family_folder(const struct places *places, const char *family, char ret[PATH_MAX],
			 struct appsilo_error *err)
{
	char shown[256];

	if (!command_is_family(family))
		return error_say(err, -EINVAL, "profile: -p %s: use a family name (Name_DIGITS); see appsilo list",
				 text_show(family, shown, sizeof(shown)));
	if (snprintf(ret, PATH_MAX, "%s/" ATTEMPTS_FOLDER "/%s", places->data_dir, family) >= PATH_MAX - 64)
		return error_say(err, -ENAMETOOLONG, "profile: %s", places->data_dir);
	return 0;
}

/* Records of before. Best effort: what stays is in the report. */
static void forget_runs(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

/* As --profile of run takes it. */
static const char *mode_of(const struct profile_wishes *w)
{
	static const char *const modes[2][2] = {{"deny", "deny,stacks"}, {"allow", "allow,stacks"}};

	return modes[w->allow][w->stacks];
}

static int mark(const struct profile_wishes *w, struct appsilo_error *err)
{
	static struct installed_package package;
	char folder[PATH_MAX], path[PATH_MAX];
	const char *mode = mode_of(w);
	cleanup_close int fd = -EBADF;
	struct places places;
	int r = places_find(&places, err);

	if (r == 0)
		r = family_folder(&places, w->family, folder, err);
	if (r == 0 && installed_find(places.data_dir, w->family, &package) < 0)
		r = error_say(err, -ENOPKG, "profile: -p %s: no such package is installed; for a command use "
					    "appsilo profile start -- COMMAND", w->family);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%.*s/" ATTEMPTS_FOLDER, PATH_MAX - 16, places.data_dir);
	if ((mkdir(path, 0700) < 0 && errno != EEXIST) || (mkdir(folder, 0700) < 0 && errno != EEXIST))
		return error_set(err, -errno, "profile: cannot make %s", folder);
	forget_runs(folder);
	snprintf(path, sizeof(path), "%.*s/" ATTEMPTS_MARK, (int)sizeof(path) - 8, folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : fd_write_all(fd, mode, strlen(mode));
	if (r < 0)
		return error_set(err, r, "profile: %s", path);
	printf("Runs of %s are profiled until appsilo profile stop; what no rule allows is %s, without a "
	       "question.\n", w->family, w->allow ? "let through" : "denied");
	return 0;
}

/* Become the run: its terminal, signals and exit code are its own. */
static int start_command(const struct profile_wishes *w, int argc, char **argv, struct appsilo_error *err)
{
	char **words = calloc((size_t)argc + 6, sizeof(*words)), mode[64];
	size_t n = 0;

	if (!words) {
		error_set(err, -ENOMEM, "profile");
		return EXIT_FAILED;
	}
	words[n++] = (char *)"appsilo";
	words[n++] = (char *)"run";
	snprintf(mode, sizeof(mode), "--profile=%s", mode_of(w));
	words[n++] = mode;
	if (w->family) {
		words[n++] = (char *)"-p";
		words[n++] = (char *)w->family;
	}
	memcpy(words + n, argv, (size_t)argc * sizeof(*words));
	return programs_exec("appsilo", words, err);
}

/* Our own options come first; from the first other word on all are words of `run`. */
static int start(int argc, char **argv, struct appsilo_error *err)
{
	struct profile_wishes w = {0};
	int i = 1;

	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *value;
		const struct option_row *row = option_find(profile_options, argv[i], &value);

		if (!row || (row->id != OPT_FAMILY && row->id != OPT_ALLOW && row->id != OPT_STACKS))
			break;
		if (row->argument && !value)
			value = argv[++i];
		if (!value != !row->argument) {
			error_say(err, -EINVAL, "profile start: %s %s", row->name,
				  row->argument ? "needs a value" : "takes no value");
			return EXIT_USAGE;
		}
		(void)take(&w, row, value);
	}
	if (i >= argc && !w.family) {
		error_say(err, -EINVAL, "profile: use profile start (-p FAMILY | -- COMMAND [ARG...])");
		return EXIT_USAGE;
	}
	if (i < argc)
		return start_command(&w, argc - i, argv + i, err);
	return mark(&w, err) < 0 ? EXIT_FAILED : EXIT_OK;
}

static int unmark(const char *folder, const char *family, int *count, struct appsilo_error *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/" ATTEMPTS_MARK, (int)sizeof(path) - 8, folder);
	if (unlink(path) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : error_set(err, -errno, "profile: %s", path);
	printf("Runs of %s are not profiled any more; appsilo profile report -p %s\n", family, family);
	++*count;
	return 0;
}

static int stop(const struct profile_wishes *w, struct appsilo_error *err)
{
	char path[PATH_MAX], folder[PATH_MAX];
	struct places places;
	struct dirent *entry;
	int count = 0, r = places_find(&places, err);
	DIR *dir = NULL;

	if (r == 0 && w->family)
		r = family_folder(&places, w->family, folder, err);
	if (r == 0 && w->family)
		r = unmark(folder, w->family, &count, err);
	if (r == 0 && !w->family) {
		snprintf(path, sizeof(path), "%.*s/" ATTEMPTS_FOLDER, PATH_MAX - 16, places.data_dir);
		dir = opendir(path);
	}
	while (r == 0 && dir && (entry = readdir(dir)))
		if (command_is_family(entry->d_name) &&
		    family_folder(&places, entry->d_name, folder, err) == 0)
			r = unmark(folder, entry->d_name, &count, err);
	if (dir)
		closedir(dir);
	if (r == 0 && count == 0)
		printf("nothing was being profiled\n");
	return r;
}

static const struct part {
	const char *name, *usage;
	unsigned int options; /* it takes */
	int least, most;	      /* words behind its name */
} parts[] = {
	{"stop", "profile stop [-p FAMILY]", 1u << OPT_FAMILY, 0, 0},
	{"report", "profile report [-p FAMILY] [--run RUN-ID] [--manifest FILE] [-o DIR [--html]] [--json]",
	 ~(1u << OPT_ALLOW | 1u << OPT_STACKS), 0, 0},
	{"merge", "profile merge [-p FAMILY] [--manifest FILE] [-o DIR [--html]] [--json] A B...",
	 ~(1u << OPT_ALLOW | 1u << OPT_STACKS | 1u << OPT_RUN), 1, PROFILE_MERGE_MAX},
};

static int run_part(const struct part *part, int argc, char **argv, struct appsilo_error *err)
{
	struct profile_wishes w = {0};
	int words = command_options(argc, argv, profile_options, take, &w, err);

	if (words >= 0 && (w.given & ~part->options || words < part->least || words > part->most ||
			   (w.html && !w.folder)))
		words = error_say(err, -EINVAL, "profile: use %s", part->usage);
	if (words < 0)
		return EXIT_USAGE;
	if (part == &parts[0])
		return stop(&w, err) < 0 ? EXIT_FAILED : EXIT_OK;
	return (part == &parts[1] ? profile_report(&w, err) : profile_merge(&w, argv + 1, (size_t)words, err)) < 0
		       ? EXIT_FAILED
		       : EXIT_OK;
}

static int run_profile(int argc, char **argv, struct appsilo_error *err)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "start") == 0)
		return start(argc - 1, argv + 1, err);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (strcmp(word, parts[i].name) != 0)
			continue;
		argv[1] = (char *)"profile";
		return run_part(&parts[i], argc - 1, argv + 1, err);
	}
	error_say(err, -EINVAL, "profile: use profile start, stop, report or merge");
	return EXIT_USAGE;
}

const struct command command_profile = {
	"profile",
	"start [--allow] [--stacks] (-p FAMILY | [RUN-OPTIONS] -- COMMAND [ARG...]) | stop [-p FAMILY] | report [OPTIONS] | merge [OPTIONS] A B...",
	"find out which capabilities and grants a program needs", profile_options, run_profile};
