/* SPDX-License-Identifier: Apache-2.0 */
/* profile report and merge: reading the records, writing the files. */
#include "cli/profile.h"

#include "base/path.h"
#include "base/text.h"
#include "broker/attempts.h"
#include "cli/profile_manifest.h"
#include "package/new_file.h"
#include "profile/report.h"
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

struct work {
	struct places places;
	struct records records;
	struct needs needs;
	struct report report;
	char family[CONSENT_FAMILY_MAX];
	char data_home[PATH_MAX];
	struct profile_manifest manifest;
};

static bool is_record(const char *name)
{
	size_t n = strlen(name), tail = strlen(ATTEMPTS_SUFFIX);

	return n > tail && strcmp(name + n - tail, ATTEMPTS_SUFFIX) == 0;
}

/* Every record of one family, or the one of @run. */
static int load_family(struct work *w, const char *folder, const char *run, struct appsilo_error *err)
{
	struct dirent **list;
	int n = scandir(folder, &list, NULL, alphasort), r = 0;

	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		char path[2 * PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (r == 0 && is_record(name) &&
		    (!run || (strncmp(name, run, strlen(run)) == 0 &&
			      strcmp(name + strlen(run), ATTEMPTS_SUFFIX) == 0)))
			r = records_load(&w->records, path, err);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return r;
}

/* The family with the newest run, and that run: ids sort by age. */
static void find_newest(const char *root, char family[NAME_MAX + 1], char run[NAME_MAX + 1])
{
	DIR *dir = opendir(root), *inner;
	struct dirent *entry, *file;
	char path[PATH_MAX + 256];

	*family = *run = '\0';
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", root, entry->d_name);
		inner = entry->d_name[0] == '.' ? NULL : opendir(path);
		while (inner && (file = readdir(inner)))
			if (is_record(file->d_name) && strcmp(file->d_name, run) > 0) {
				snprintf(run, NAME_MAX + 1, "%s", file->d_name);
				snprintf(family, NAME_MAX + 1, "%s", entry->d_name);
			}
		if (inner)
			closedir(inner);
	}
	if (dir)
		closedir(dir);
	if (*run)
		run[strlen(run) - strlen(ATTEMPTS_SUFFIX)] = '\0';
}

static int load_stored(struct work *w, const struct profile_wishes *wishes, struct appsilo_error *err)
{
	char root[PATH_MAX], folder[PATH_MAX + NAME_MAX + 2], family[NAME_MAX + 1], run[NAME_MAX + 1];
	const char *wanted = wishes->run;
	int r;

	snprintf(root, sizeof(root), "%.*s/" ATTEMPTS_FOLDER, PATH_MAX - 16, w->places.data_dir);
	find_newest(root, family, run);
	if (wishes->family)
		snprintf(family, sizeof(family), "%s", wishes->family);
	else if (!wanted)
		wanted = run;
	snprintf(folder, sizeof(folder), "%s/%s", root, family);
	r = command_is_family(family) ? load_family(w, folder, wanted, err) : 0;
	if (r == 0 && w->records.n == 0)
		r = error_say(err, -ENOENT, "profile: nothing is on record%s; see appsilo profile start",
			      wishes->family || wishes->run ? " of that" : "");
	return r;
}

/* All records are of one family, or of the one that was asked for. */
static int choose_family(struct work *w, const char *wanted, struct appsilo_error *err)
{
	const char *family = wanted ? wanted : w->records.list[0].family;

	for (size_t i = 0; i < w->records.n && !wanted; i++)
		if (strcmp(w->records.list[i].family, family) != 0)
			return error_say(err, -EINVAL, "profile: the records are of several packages; choose one with -p FAMILY");
	if (!command_is_family(family))
		return error_say(err, -EINVAL, "profile: the records name no package; they are not appsilo's");
	snprintf(w->family, sizeof(w->family), "%s", family);
	records_filter(&w->records, w->family);
	return 0;
}

static int find_needs(struct work *w)
{
	const struct needs_places places = {
		.never = {.home = w->places.home, .data_dir = w->places.data_dir},
		.needed = {w->places.home, w->data_home, strrchr(w->family, '_') + 1},
	};

	snprintf(w->data_home, sizeof(w->data_home), "%.*s",
		 (int)path_parent_length(w->places.data_dir, strlen(w->places.data_dir)), w->places.data_dir);
	records_sort(&w->records);
	return profile_needs_find(&w->records, &places, &w->needs);
}

static int put_csv(const struct report *report, FILE *out)
{
	return records_write(report->records, out);
}

static int put_summary(const struct report *report, FILE *out)
{
	report_summary(report, out);
	return 0;
}

static int put_readme(const struct report *report, FILE *out)
{
	report_readme(report, out);
	return 0;
}

static int write_file(const struct report *report, const char *folder, const char *name,
		      int (*put)(const struct report *report, FILE *out), struct appsilo_error *err)
{
	cleanup(new_file_done) struct new_file file = {.fd = -EBADF};
	char path[PATH_MAX], shown[512];
	FILE *out;
	int r = path_join(folder, name, path, sizeof(path));

	if (r < 0)
		return error_set(err, r, "profile: -o %s", text_show(folder, shown, sizeof(shown)));
	r = new_file_open(path, &file, err);
	if (r < 0)
		return error_prefix(err, "profile");
	out = fdopen(dup(file.fd), "w");
	r = out ? put(report, out) : -errno;
	if (out && fclose(out) != 0 && r == 0)
		r = -errno;
	if (r < 0)
		return error_set(err, r, "profile: %s", text_show(path, shown, sizeof(shown)));
	return new_file_commit(&file, false, err);
}

static int write_files(const struct work *w, const struct profile_wishes *wishes, struct appsilo_error *err)
{
	const struct {
		const char *name;
		int (*put)(const struct report *report, FILE *out);
		bool wanted;
	} files[] = {
		{RECORDS_FILE, put_csv, true},
		{REPORT_SUMMARY, put_summary, true},
		{REPORT_README, put_readme, true},
		{REPORT_HTML, report_html, wishes->html},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		if (files[i].wanted)
			r = write_file(&w->report, wishes->folder, files[i].name, files[i].put, err);
	return r;
}

static int make_folder(const struct profile_wishes *wishes, struct appsilo_error *err)
{
	char shown[512];

	if (!wishes->folder || mkdir(wishes->folder, 0777) == 0 || errno == EEXIST)
		return 0;
	return error_set(err, -errno, "profile: -o %s", text_show(wishes->folder, shown, sizeof(shown)));
}

/* What all ends in: the records are loaded. */
static int tell(struct work *w, const struct profile_wishes *wishes, struct appsilo_error *err)
{
	char shown[512];
	int r = choose_family(w, wishes->family, err);

	if (r == 0 && find_needs(w) < 0)
		r = error_set(err, -ENOMEM, "profile");
	w->report = (struct report){.records = &w->records, .needs = &w->needs, .family = w->family};
	if (r == 0)
		r = make_folder(wishes, err);
	if (r == 0)
		r = profile_manifest_write(&w->manifest, &w->places, wishes, &w->report, err);
	if (r == 0 && wishes->folder)
		r = write_files(w, wishes, err);
	if (r == 0 && wishes->json)
		r = report_json(&w->report, stdout) < 0 ? error_set(err, -ENOMEM, "profile") : 0;
	else if (r == 0 && wishes->folder)
		printf("The profile is in %s; begin with " REPORT_SUMMARY "\n",
		       text_show(wishes->folder, shown, sizeof(shown)));
	else if (r == 0)
		report_summary(&w->report, stdout);
	return r;
}

static void done(struct work **w)
{
	if (*w) {
		profile_needs_done(&(*w)->needs);
		records_done(&(*w)->records);
		profile_manifest_done(&(*w)->manifest);
	}
	free(*w);
}

int profile_report(const struct profile_wishes *wishes, struct appsilo_error *err)
{
	cleanup(done) struct work *w = calloc(1, sizeof(*w));
	int r = w ? places_find(&w->places, err) : error_set(err, -ENOMEM, "profile");

	if (r == 0)
		r = load_stored(w, wishes, err);
	return r < 0 ? r : tell(w, wishes, err);
}

/* A folder of a report, a CSV file of one, or a manifest. */
static int load_input(struct work *w, const char *input, struct appsilo_error *err)
{
	char path[PATH_MAX], shown[512];
	size_t n = strlen(input);
	struct stat st;
	int r;

	text_show(input, shown, sizeof(shown));
	if (stat(input, &st) < 0)
		return error_set(err, -errno, "profile merge: %s", shown);
	if (!S_ISDIR(st.st_mode))
		return n > 4 && strcmp(input + n - 4, ".xml") == 0
			       ? profile_manifest_read(&w->manifest, input, err)
			       : records_load(&w->records, input, err);
	if (path_join(input, RECORDS_FILE, path, sizeof(path)) < 0)
		return error_set(err, -ENAMETOOLONG, "profile merge: %s", shown);
	r = records_load(&w->records, path, err);
	if (r == 0 && path_join(input, MANIFEST_FILE, path, sizeof(path)) == 0 && access(path, F_OK) == 0)
		r = profile_manifest_read(&w->manifest, path, err);
	return r;
}

int profile_merge(const struct profile_wishes *wishes, char *const *inputs, size_t n,
		  struct appsilo_error *err)
{
	cleanup(done) struct work *w = calloc(1, sizeof(*w));
	int r = w ? places_find(&w->places, err) : error_set(err, -ENOMEM, "profile");

	for (size_t i = 0; r == 0 && i < n; i++)
		r = load_input(w, inputs[i], err);
	if (r == 0 && w->records.n == 0 && w->manifest.n > 0)
		return make_folder(wishes, err) < 0 ? err->code
						    : profile_manifest_merge(&w->manifest, wishes, err);
	if (r == 0 && w->records.n == 0)
		r = error_say(err, -EINVAL, "profile merge: there is no record in any of them");
	return r < 0 ? r : tell(w, wishes, err);
}
