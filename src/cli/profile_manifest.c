/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/profile_manifest.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "manifest/edit.h"
#include "package/installed.h"
#include "package/new_file.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int read_text(const char *path, char **ret, size_t *ret_size, struct appsilo_error *err)
{
	cleanup_free char *text = malloc(MANIFEST_SIZE_MAX + 1);
	char shown[512];
	ssize_t n;

	if (!text)
		return error_set(err, -ENOMEM, "profile");
	n = fd_read_file(AT_FDCWD, path, text, MANIFEST_SIZE_MAX + 1);
	if (n < 0)
		return error_set(err, (int)n, "profile: %s", text_show(path, shown, sizeof(shown)));
	*ret = TAKE_PTR(text);
	*ret_size = (size_t)n;
	return 0;
}

int profile_manifest_read(struct profile_manifest *pm, const char *path, struct appsilo_error *err)
{
	cleanup_free char *text = NULL;
	struct manifest *bigger = reallocarray(pm->list, pm->n + 1, sizeof(*bigger));
	char shown[512];
	size_t size;
	int r;

	if (!bigger)
		return error_set(err, -ENOMEM, "profile");
	pm->list = bigger;
	r = read_text(path, &text, &size, err);
	if (r == 0)
		r = manifest_parse(text, size, text_show(path, shown, sizeof(shown)), &pm->list[pm->n], err);
	if (r < 0)
		return r;
	if (pm->n++ == 0) {
		pm->text = TAKE_PTR(text);
		pm->size = size;
	} else if (strcmp(pm->list[0].identity.family, pm->list[pm->n - 1].identity.family) != 0) {
		return error_say(err, -EINVAL, "profile merge: %s is the manifest of another package than the first",
				 shown);
	}
	return 0;
}

static int write_text(const char *path, const char *text, size_t size, struct appsilo_error *err)
{
	cleanup(new_file_done) struct new_file file = {.fd = -EBADF};
	char shown[512];
	int r = new_file_open(path, &file, err);

	if (r < 0)
		return error_prefix(err, "profile");
	r = fd_write_all(file.fd, text, size);
	if (r < 0)
		return error_set(err, r, "profile: %s", text_show(path, shown, sizeof(shown)));
	return new_file_commit(&file, true, err);
}

/* Lists that an addition is made of; as many as all manifests may hold. */
struct wanted {
	const char **capabilities, **hosts, **system_paths;
	struct manifest_additions additions;
};

static void wanted_done(struct wanted *w)
{
	free(w->capabilities);
	free(w->hosts);
	free(w->system_paths);
}

static int wanted_init(struct wanted *w, size_t n)
{
	*w = (struct wanted){.capabilities = calloc(n, sizeof(char *)),
			     .hosts = calloc(n, sizeof(char *)),
			     .system_paths = calloc(n, sizeof(char *))};
	w->additions = (struct manifest_additions){.capabilities = w->capabilities,
						   .hosts = w->hosts,
						   .system_paths = w->system_paths};
	return w->capabilities && w->hosts && w->system_paths ? 0 : -ENOMEM;
}

static void add_once(const char **list, size_t *n, const char *text)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(list[i], text) == 0)
			return;
	list[(*n)++] = text;
}

static void want_list(const char **list, size_t *n, const struct manifest_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		add_once(list, n, from->texts[i]);
}

/* What the manifests that were read declare, beyond the first. */
static void want_merged(struct wanted *w, const struct profile_manifest *pm)
{
	struct manifest_additions *a = &w->additions;

	for (size_t i = 1; i < pm->n; i++) {
		want_list(w->capabilities, &a->n_capabilities, &pm->list[i].capabilities);
		want_list(w->hosts, &a->n_hosts, &pm->list[i].hosts);
		want_list(w->system_paths, &a->n_system_paths, &pm->list[i].system_paths);
	}
}

static void want_found(struct wanted *w, const struct report *report)
{
	struct manifest_additions *a = &w->additions;
	const char *names[REPORT_CAPABILITIES_MAX];
	size_t n = report_capabilities(report, names);

	for (size_t i = 0; i < n; i++)
		add_once(w->capabilities, &a->n_capabilities, names[i]);
	for (size_t i = 0; i < report->needs->n_hosts; i++)
		add_once(w->hosts, &a->n_hosts, report->needs->hosts[i].text);
	for (size_t i = 0; i < report->needs->n; i++)
		if (report->needs->list[i].system_path)
			add_once(w->system_paths, &a->n_system_paths, report->needs->list[i].path);
	a->mention_prompt = report_could_prompt(report);
}

/* Of the package that was profiled: its own manifest, as text. Returns 1; 0 where there is none. */
static int find_source(struct profile_manifest *pm, const struct places *places,
		       const struct profile_wishes *wishes, const char *family, char path[PATH_MAX],
		       struct appsilo_error *err)
{
	struct installed_package *package;
	int r = 0;

	if (wishes->manifest) {
		snprintf(path, PATH_MAX, "%s", wishes->manifest);
	} else if (pm->n > 0) {
		return 1;
	} else {
		package = malloc(sizeof(*package));
		if (!package)
			return error_set(err, -ENOMEM, "profile");
		r = installed_find(places->data_dir, family, package);
		if (r == 0)
			r = path_join(package->path, MANIFEST_FILE, path, PATH_MAX);
		free(package);
		if (r < 0)
			return 0;
	}
	r = read_text(path, &pm->text, &pm->size, err);
	return r < 0 ? r : 1;
}

/* Where it goes: in place, if it was named and is the package's own. */
static int choose_target(struct profile_manifest *pm, const struct profile_wishes *wishes,
			 const char *family, const char *own, struct appsilo_error *err)
{
	char folder[PATH_MAX];
	bool copy = strcmp(family, own) != 0;
	const char *name = wishes->manifest && strrchr(wishes->manifest, '/')
				   ? strrchr(wishes->manifest, '/') + 1
				   : wishes->manifest;
	int r = 0;

	if (wishes->manifest && !copy) {
		snprintf(pm->path, sizeof(pm->path), "%s", wishes->manifest);
		return 0;
	}
	if (!wishes->folder)
		return wishes->manifest ? error_say(err, -EINVAL,
						    "profile: --manifest is of %s, the profile of %s: name a folder for "
						    "a copy with -o DIR", own, family)
					: 0;
	snprintf(folder, sizeof(folder), "%s", wishes->folder);
	if (copy) {
		r = path_join(wishes->folder, family, folder, sizeof(folder));
		if (r == 0 && mkdir(folder, 0777) < 0 && errno != EEXIST)
			r = -errno;
	}
	if (r == 0)
		r = path_join(folder, name ? name : MANIFEST_FILE, pm->path, sizeof(pm->path));
	return r < 0 ? error_set(err, r, "profile: -o") : 0;
}

static int edit(struct profile_manifest *pm, const char *label, const struct wanted *w,
		struct appsilo_error *err)
{
	cleanup_free char *text = NULL;
	char shown[512];
	size_t size;
	int r = manifest_edit(pm->text, pm->size, text_show(label, shown, sizeof(shown)), &w->additions,
			      &text, &size, err);

	return r < 0 ? r : write_text(pm->path, text, size, err);
}

int profile_manifest_write(struct profile_manifest *pm, const struct places *places,
			   const struct profile_wishes *wishes, struct report *report,
			   struct appsilo_error *err)
{
	cleanup(wanted_done) struct wanted w = {0};
	char source[PATH_MAX] = MANIFEST_FILE, shown[512];
	struct manifest manifest;
	int r = find_source(pm, places, wishes, report->family, source, err);

	if (r <= 0)
		return r;
	r = manifest_parse(pm->text, pm->size, text_show(source, shown, sizeof(shown)), &manifest, err);
	if (r < 0)
		return r;
	report->package = true;
	r = choose_target(pm, wishes, report->family, manifest.identity.family, err);
	manifest_done(&manifest);
	if (r == 0 && *pm->path) {
		if (wanted_init(&w, report->needs->n + report->needs->n_hosts + REPORT_CAPABILITIES_MAX +
					    3 * MANIFEST_LIST_MAX * (pm->n + 1)) < 0)
			return error_set(err, -ENOMEM, "profile");
		want_merged(&w, pm);
		want_found(&w, report);
		r = edit(pm, source, &w, err);
		report->manifest = pm->path;
	}
	return r;
}

int profile_manifest_merge(struct profile_manifest *pm, const struct profile_wishes *wishes,
			   struct appsilo_error *err)
{
	cleanup(wanted_done) struct wanted w = {0};
	char shown[512];
	int r;

	if (!wishes->folder)
		return error_say(err, -EINVAL, "profile merge: of manifests alone needs -o DIR");
	if (wanted_init(&w, 3 * MANIFEST_LIST_MAX * (pm->n + 1)) < 0)
		return error_set(err, -ENOMEM, "profile");
	want_merged(&w, pm);
	r = path_join(wishes->folder, MANIFEST_FILE, pm->path, sizeof(pm->path));
	if (r < 0)
		return error_set(err, r, "profile: -o");
	r = edit(pm, MANIFEST_FILE, &w, err);
	if (r == 0)
		printf("%s\n", text_show(pm->path, shown, sizeof(shown)));
	return r;
}

void profile_manifest_done(struct profile_manifest *pm)
{
	for (size_t i = 0; i < pm->n; i++)
		manifest_done(&pm->list[i]);
	free(pm->list);
	free(pm->text);
}
