/* SPDX-License-Identifier: Apache-2.0 */
/* list and show: what is installed. */
#include "cli/packages.h"

#include "base/json.h"
#include "base/text.h"
#include "manifest/manifest.h"
#include "package/record.h"
#include "package/stamps.h"
#include <string.h>

enum {
	OPT_JSON,
};

static const struct option_row list_options[] = {
	{OPT_JSON, "--json", NULL, "as a JSON array"},
	{0, NULL, NULL, NULL},
};

static const struct option_row show_options[] = {
	{OPT_JSON, "--json", NULL, "as a JSON object"},
	{0, NULL, NULL, NULL},
};

#define JSON_MAX (256 * 1024)

struct listing {
	bool json;
	size_t n;
	const struct package_places *places;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	*(bool *)data = true;
	return 0;
}

static void close_record(struct record *record)
{
	record_done(record);
}

static void write_lines(struct json_writer *w, const struct record *record, const char *key,
			const char *as)
{
	jsonw_open(w, as, '[');
	for (size_t i = 0; i < record->n; i++)
		if (strcmp(record->lines[i].key, key) == 0)
			jsonw_string(w, NULL, record->lines[i].value);
	jsonw_close(w, ']');
}

static void write_applications(struct json_writer *w, const struct record *record)
{
	jsonw_open(w, "applications", '[');
	for (size_t i = 0; i < record->n; i++) {
		if (strcmp(record->lines[i].key, "app") != 0)
			continue;
		jsonw_open(w, NULL, '{');
		jsonw_string(w, "id", record->lines[i].value);
		jsonw_string(w, "executable", record->lines[i].more);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

static void version_text(const struct package_version *version, char ret[32])
{
	const uint16_t *v = version->part;

	snprintf(ret, 32, "%u.%u.%u.%u", v[0], v[1], v[2], v[3]);
}

/* @problem is NULL when the package is as it was installed. */
static int print_json(const struct installed_package *package, const struct record *record,
		      const char *problem)
{
	cleanup_free char *text = malloc(JSON_MAX);
	const struct package_identity *id = &package->identity;
	struct json_writer w;
	char version[32];
	int n;

	if (!text)
		return -ENOMEM;
	version_text(&id->version, version);
	jsonw_init(&w, text, JSON_MAX);
	jsonw_open(&w, NULL, '{');
	jsonw_string(&w, "family", id->family);
	jsonw_string(&w, "full_name", id->full_name);
	jsonw_string(&w, "name", id->name);
	jsonw_string(&w, "version", version);
	jsonw_string(&w, "architecture", id->architecture);
	jsonw_string(&w, "publisher", record_get(record, "publisher"));
	jsonw_string(&w, "publisher_id", id->publisher_id);
	jsonw_string(&w, "display_name", record_get(record, "display-name"));
	jsonw_string(&w, "signer", record_get(record, "signer"));
	jsonw_string(&w, "fingerprint", record_get(record, "fingerprint"));
	jsonw_string(&w, "path", package->path);
	jsonw_bool(&w, "machine", package->machine);
	jsonw_string(&w, "problem", problem);
	write_applications(&w, record);
	write_lines(&w, record, "capability", "capabilities");
	write_lines(&w, record, "alias", "aliases");
	write_lines(&w, record, "file-type", "file_types");
	write_lines(&w, record, "host", "hosts");
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	if (n < 0)
		return n;
	text[n - 1] = '\0';
	fputs(text, stdout);
	return 0;
}

/* Read the record and look whether the package is still what was installed. */
static void look(const struct installed_package *package, struct record *ret,
		 struct appsilo_error *err)
{
	cleanup_close int fd = installed_open(package, err);

	if (fd >= 0 && record_read(fd, package->path, ret, err) == 0)
		(void)!stamps_check(fd, package->path, err); /* the line in @err is the result */
}

static int list_package(void *data, const struct installed_package *package)
{
	cleanup(close_record) struct record record = {0};
	struct appsilo_error err = {0};
	struct listing *l = data;
	char version[32];
	int r = 0;

	look(package, &record, &err);
	version_text(&package->identity.version, version);
	if (l->json) {
		printf("%s\n  ", l->n ? "," : "");
		r = print_json(package, &record, err.code ? err.line : NULL);
	} else {
		const char *name = record_get(&record, "display-name");

		if (l->n == 0)
			printf("%-44s  %-12s  %-9s  %s\n", "FAMILY", "VERSION", "FOR", "NAME");
		printf("%-44s  %-12s  %-9s  %s%s\n", package->identity.family, version,
		       package->machine ? "all users" : "you", name ? name : "",
		       err.code ? "  (damaged: see appsilo show)" : "");
	}
	l->n++;
	return r;
}

static int run_list(int argc, char **argv, struct appsilo_error *err)
{
	static struct package_places places;
	struct listing l = {.places = &places};
	int words = command_options(argc, argv, list_options, take, &l.json, err);
	int r;

	if (words > 0)
		words = error_say(err, -EINVAL, "list: takes no words; appsilo show FAMILY");
	if (words < 0)
		return EXIT_USAGE;
	r = packages_places(false, &places, err);
	if (r == 0)
		r = install_tidy(&places.install, false, err);
	if (r < 0)
		return EXIT_FAILED;
	if (l.json)
		printf("[");
	r = installed_each(places.user.data_dir, false, list_package, &l);
	if (r == 0)
		r = installed_each(INSTALLED_MACHINE_DIR, true, list_package, &l);
	if (r < 0) {
		error_set(err, r, "list");
		return EXIT_FAILED;
	}
	if (l.json)
		printf("%s]\n", l.n ? "\n" : "");
	else if (l.n == 0)
		printf("no packages are installed\n");
	return EXIT_OK;
}

static void print_lines(const struct record *record, const char *key, const char *title)
{
	for (size_t i = 0; i < record->n; i++)
		if (strcmp(record->lines[i].key, key) == 0)
			printf("%-14s %s%s%s\n", title, record->lines[i].value,
			       record->lines[i].more[0] ? "  " : "", record->lines[i].more);
}

static void print_capabilities(const struct record *record)
{
	for (size_t i = 0; i < record->n; i++) {
		const char *name = record->lines[i].value;
		const char *meaning;

		if (strcmp(record->lines[i].key, "capability") != 0)
			continue;
		meaning = capability_meaning(name);
		printf("%-14s %s: %s\n", "capability", name, meaning ? meaning : "unknown");
	}
}

static void print_package(const struct installed_package *package, const struct record *record,
			  const char *problem)
{
	const char *const rows[][2] = {{"display-name", "name"}, {"publisher", "publisher"},
				       {"signer", "signed by"}, {"fingerprint", "fingerprint"}};

	printf("%-14s %s\n%-14s %s\n", "family", package->identity.family, "full name",
	       package->identity.full_name);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		print_lines(record, rows[i][0], rows[i][1]);
	printf("%-14s %s%s\n", "path", package->path, package->machine ? "  (all users)" : "");
	print_lines(record, "app", "application");
	print_lines(record, "alias", "alias");
	print_lines(record, "file-type", "file type");
	print_capabilities(record);
	print_lines(record, "env", "environment");
	print_lines(record, "limit", "limit");
	print_lines(record, "host", "host");
	print_lines(record, "system-path", "system path");
	printf("%-14s %s\n", "state", problem ? problem : "as it was installed");
}

static int run_show(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(close_record) struct record record = {0};
	static struct package_places places;
	static struct installed_package package;
	struct appsilo_error problem = {0};
	bool json = false;
	int words = command_options(argc, argv, show_options, take, &json, err);

	if (words >= 0 && words != 1)
		words = error_say(err, -EINVAL, "show: which package? appsilo show FAMILY");
	if (words < 0)
		return EXIT_USAGE;
	if (packages_places(false, &places, err) < 0 ||
	    packages_find(&places, argv[1], &package, err) < 0)
		return EXIT_FAILED;
	look(&package, &record, &problem);
	if (!json) {
		print_package(&package, &record, problem.code ? problem.line : NULL);
		return EXIT_OK;
	}
	if (print_json(&package, &record, problem.code ? problem.line : NULL) < 0)
		return EXIT_FAILED;
	printf("\n");
	return EXIT_OK;
}

const struct command command_list = {"list", "[--json]", "list the installed packages",
				     list_options, run_list};

const struct command command_show = {"show", "[--json] FAMILY",
				     "what an installed package is and may do", show_options,
				     run_show};
