/* SPDX-License-Identifier: Apache-2.0 */
/* install and uninstall. */
#include "cli/packages.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/uninstall.h"
#include "package/alias.h"
#include "package/record.h"
#include <string.h>

enum {
	OPT_MACHINE,
	OPT_DOWNGRADE,
	OPT_KEEP_PROFILE,
	OPT_MAX_SIZE,
	OPT_JSON,
};

static const struct option_row install_options[] = {
	{OPT_MACHINE, "--machine", NULL, "for all users of this machine (as root)"},
	{OPT_DOWNGRADE, "--allow-downgrade", NULL, "replace a newer version"},
	{OPT_MAX_SIZE, "--max-size", "BYTES", "take a package that unpacks to so much"},
	{OPT_JSON, "--json", NULL, "say what was done as JSON"},
	{0, NULL, NULL, NULL},
};

static const struct option_row uninstall_options[] = {
	{OPT_MACHINE, "--machine", NULL, "the package of all users (as root)"},
	{OPT_KEEP_PROFILE, "--keep-profile", NULL, "leave the app's own directory"},
	{OPT_JSON, "--json", NULL, "say what was done as JSON"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	bool machine, downgrade, keep_profile, json;
	uint64_t max_bytes;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;

	if (row->id == OPT_MAX_SIZE)
		return command_number(value, INT64_MAX, &w->max_bytes);
	w->machine = w->machine || row->id == OPT_MACHINE;
	w->downgrade = w->downgrade || row->id == OPT_DOWNGRADE;
	w->keep_profile = w->keep_profile || row->id == OPT_KEEP_PROFILE;
	w->json = w->json || row->id == OPT_JSON;
	return 0;
}

static void warn(const char *line)
{
	log_warning("%s", line);
}

static const char *outcome_word(enum install_outcome outcome)
{
	static const char *const words[] = {
		[INSTALL_NEW] = "installed",	       [INSTALL_UPGRADED] = "upgraded",
		[INSTALL_DOWNGRADED] = "downgraded",   [INSTALL_PRESENT] = "already installed",
		[INSTALL_REPAIRED] = "repaired",
	};

	return words[outcome];
}

static int print_json(const struct install_report *report)
{
	char text[8 * PATH_MAX];
	struct json_writer w;

	jsonw_init(&w, text, sizeof(text));
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "outcome", outcome_word(report->outcome));
	jsonw_string(&w, "family", report->package.identity.family);
	jsonw_string(&w, "full_name", report->package.identity.full_name);
	jsonw_string(&w, "path", report->package.path);
	jsonw_string(&w, "signer", report->signature.subject);
	jsonw_close(&w, '}');
	if (jsonw_finish(&w) < 0)
		return EXIT_FAILED;
	fputs(text, stdout);
	return EXIT_OK;
}

static bool is_on_path(const char *folder)
{
	const char *list = getenv("PATH");
	size_t n = strlen(folder);

	while (list && *list) {
		size_t element = strcspn(list, ":");

		if (element == n && strncmp(list, folder, n) == 0)
			return true;
		list += element;
		list += *list == ':';
	}
	return false;
}

static void print_command(const struct record *record)
{
	for (size_t i = 0; i < record->n; i++)
		if (strcmp(record->lines[i].key, "app") == 0)
			printf("  start it with: appsilo run -p %s --app %s\n",
			       record_get(record, "family"), record->lines[i].value);
}

static void print_aliases(const struct package_places *places, const struct record *record)
{
	char folder[PATH_MAX + 16];
	bool any = false;

	snprintf(folder, sizeof(folder), "%s/" INSTALLED_ALIASES, places->install.data_dir);
	for (size_t i = 0; i < record->n; i++) {
		if (strcmp(record->lines[i].key, "alias") != 0 ||
		    !alias_is_of(folder, record->lines[i].value, record_get(record, "family")))
			continue; /* the name was taken, as the warning said */
		printf("%s%s", any ? ", " : "  start it with: ", record->lines[i].value);
		any = true;
	}
	if (!any)
		print_command(record);
	else if (is_on_path(folder))
		printf("\n");
	else
		printf("\n  the aliases are in %s; to have them found first:\n"
		       "    export PATH=\"%s:$PATH\"\n", folder, folder);
}

static void close_record(struct record *record)
{
	record_done(record);
}

static int print_report(const struct package_places *places, const struct install_report *report,
			struct appsilo_error *err)
{
	cleanup(close_record) struct record record = {0};
	cleanup_close int fd = installed_open(&report->package, err);

	if (fd < 0 || record_read(fd, report->package.path, &record, err) < 0)
		return EXIT_FAILED;
	printf("%s: %s\n", report->package.identity.full_name, outcome_word(report->outcome));
	printf("  signed by %s\n", report->signature.subject);
	for (size_t i = 0; i < record.n; i++)
		if (strcmp(record.lines[i].key, "capability") == 0)
			printf("  may: %s\n", record.lines[i].value);
	print_aliases(places, &record);
	printf("  remove it with: appsilo uninstall %s\n", report->package.identity.name);
	return EXIT_OK;
}

static int run_install(int argc, char **argv, struct appsilo_error *err)
{
	struct wishes w = {0};
	static struct package_places places;
	static struct install_report report;
	struct install_options options;
	struct progress bar;
	int words = command_options(argc, argv, install_options, take, &w, err), r;

	if (words >= 0 && words != 1)
		words = error_say(err, -EINVAL, "install: which file? appsilo install FILE.msix");
	if (words < 0)
		return EXIT_USAGE;
	progress_start(&bar, "installing");
	options = (struct install_options){
		.allow_downgrade = w.downgrade,
		.msix = {.max_bytes = w.max_bytes, .progress = progress_tell, .progress_data = &bar}};
	r = packages_places(w.machine, &places, err);
	if (r == 0)
		r = install_package(argv[1], &places.install, &options, warn, &report, err);
	progress_end(&bar);
	if (r < 0)
		return EXIT_FAILED;
	return w.json ? print_json(&report) : print_report(&places, &report, err);
}

static int print_removed(const struct installed_package *package, int count, bool profile_kept)
{
	char text[2 * PATH_MAX];
	struct json_writer w;

	jsonw_init(&w, text, sizeof(text));
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "outcome", "uninstalled");
	jsonw_string(&w, "family", package->identity.family);
	jsonw_string(&w, "full_name", package->identity.full_name);
	jsonw_int(&w, "decisions", count);
	jsonw_bool(&w, "profile_kept", profile_kept);
	jsonw_close(&w, '}');
	if (jsonw_finish(&w) < 0)
		return EXIT_FAILED;
	fputs(text, stdout);
	return EXIT_OK;
}

static int run_uninstall(int argc, char **argv, struct appsilo_error *err)
{
	struct wishes w = {0};
	static struct package_places places;
	static struct installed_package package;
	int words = command_options(argc, argv, uninstall_options, take, &w, err);
	int count = 0, r;

	if (words >= 0 && words != 1)
		words = error_say(err, -EINVAL, "uninstall: which package? appsilo uninstall FAMILY");
	if (words < 0)
		return EXIT_USAGE;
	r = packages_places(w.machine, &places, err);
	if (r == 0)
		r = packages_find(&places, argv[1], &package, err);
	if (r == 0 && package.machine != w.machine)
		r = error_say(err, -EPERM, "uninstall: %s is installed for all users; use --machine "
					   "as root", package.identity.family);
	if (r == 0)
		r = uninstall(&places, &package, w.keep_profile, &count, err);
	if (r < 0)
		return EXIT_FAILED;
	if (w.json)
		return print_removed(&package, count, w.keep_profile);
	printf("%s: uninstalled, with %d decision%s%s\n", package.identity.full_name, count,
	       count == 1 ? "" : "s", w.keep_profile ? "; its profile is kept" : " and its profile");
	return EXIT_OK;
}

const struct command command_install = {"install", "[OPTIONS] FILE.msix",
					"verify a package and install it", install_options,
					run_install};

const struct command command_uninstall = {"uninstall", "[OPTIONS] FAMILY",
					  "remove a package with its decisions and its profile",
					  uninstall_options, run_uninstall};
