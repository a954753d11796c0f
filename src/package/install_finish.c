/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from the folders that are there. Run under the lock before and after each
 * change: a killed install left a temporary folder, an older version, or a package without
 * its aliases, and all three are seen here.
 */
#include "package/alias.h"
#include "package/folder.h"
#include "package/install.h"
#include "package/menu.h"
#include "package/record.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define ASIDE ".aside-"

struct finish {
	const struct install_places *places;
	int folder_fd;
	void (*warn)(const char *line);
	char family[PACKAGE_FAMILY_SIZE]; /* of the package before */
	struct appsilo_error *err;
};

int install_set_aside(int folder_fd, const char *full_name)
{
	char aside[NAME_MAX + 1];

	if (snprintf(aside, sizeof(aside), ASIDE "%s", full_name) >= (int)sizeof(aside))
		return -ENAMETOOLONG;
	return renameat(folder_fd, full_name, folder_fd, aside) < 0 ? -errno : 0;
}

static int note_family(void *data, const struct installed_package *package)
{
	struct package_identity *wanted = data;

	return strcmp(package->identity.family, wanted->family) == 0;
}

/* A downgrade was killed half way: what it was to replace is all there is. Returns 1 when
 * @name was put back; 0; -errno. */
static int put_back(const struct install_places *places, int folder_fd, const char *name)
{
	struct package_identity identity;
	int r;

	if (strncmp(name, ASIDE, strlen(ASIDE)) != 0 ||
	    package_full_name_parse(name + strlen(ASIDE), &identity) < 0)
		return 0;
	r = installed_each(places->data_dir, places->machine, note_family, &identity);
	if (r != 0)
		return r < 0 ? r : 0;
	return renameat(folder_fd, name, folder_fd, identity.full_name) < 0 ? -errno : 1;
}

static int remove_leftovers(const struct install_places *places, int folder_fd)
{
	DIR *dir = fdopendir(openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (name[0] != '.' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		r = put_back(places, folder_fd, name);
		r = r == 0 ? folder_remove(folder_fd, name) : r < 0 ? r : 0;
	}
	closedir(dir);
	return r;
}

static int make_aliases(const struct finish *f, const struct record *record)
{
	char folder[PATH_MAX];

	if (snprintf(folder, sizeof(folder), "%s/" INSTALLED_ALIASES, f->places->data_dir) >=
	    (int)sizeof(folder))
		return error_set(f->err, -ENAMETOOLONG, "%s", f->places->data_dir);
	for (size_t i = 0; i < record->n; i++) {
		const struct record_line *line = &record->lines[i];
		int r;

		if (strcmp(line->key, "alias") != 0)
			continue;
		r = alias_make(folder, line->value, record_get(record, "family"), line->more,
			       f->places->program, f->err);
		if (r == -EEXIST && f->warn)
			f->warn(f->err->line);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static void close_record(struct record *record)
{
	record_done(record);
}

static int complete(const struct finish *f, int dir_fd, const struct installed_package *package)
{
	cleanup(close_record) struct record record = {0};
	cleanup_close int done_fd = -EBADF;
	int r = record_read(dir_fd, package->path, &record, f->err);

	if (r == 0)
		r = make_aliases(f, &record);
	if (r == 0 && f->places->desktop_dir)
		r = menu_make(f->places->desktop_dir, &record, f->places->program, f->err);
	if (r < 0)
		return r;
	done_fd = openat(dir_fd, INSTALL_DONE_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return done_fd < 0 ? error_set(f->err, -errno, "%s/" INSTALL_DONE_FILE, package->path) : 0;
}

/* Newest first: what follows of the same family is older. */
static int finish_package(void *data, const struct installed_package *package)
{
	struct finish *f = data;
	cleanup_close int dir_fd = -EBADF;
	int r;

	if (strcmp(f->family, package->identity.family) == 0) {
		r = folder_remove(f->folder_fd, package->identity.full_name);
		return r < 0 ? error_set(f->err, r, "remove %s", package->path) : 0;
	}
	snprintf(f->family, sizeof(f->family), "%s", package->identity.family);
	dir_fd = installed_open(package, f->err);
	if (dir_fd < 0) {
		/* It does not start either; the others are not to suffer. */
		if (f->warn)
			f->warn(f->err->line);
		return 0;
	}
	if (faccessat(dir_fd, INSTALL_DONE_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return complete(f, dir_fd, package);
}

static int is_gone(void *data, const char *family)
{
	struct finish *f = data;
	struct installed_package package;
	int r = installed_find(f->places->data_dir, family, &package);

	return r == -ENOENT || (r == 0 && package.machine != f->places->machine);
}

int install_finish(const struct install_places *places, int folder_fd,
		   void (*warn)(const char *line), struct appsilo_error *err)
{
	char aliases[PATH_MAX];
	struct finish f = {.places = places, .folder_fd = folder_fd, .warn = warn, .err = err};
	int r = remove_leftovers(places, folder_fd);

	if (r < 0)
		return error_set(err, r, "%s/" INSTALLED_PACKAGES, places->data_dir);
	r = installed_each(places->data_dir, places->machine, finish_package, &f);
	if (r < 0)
		return err->line[0] ? r : error_set(err, r, "%s", places->data_dir);
	if (snprintf(aliases, sizeof(aliases), "%s/" INSTALLED_ALIASES, places->data_dir) >=
	    (int)sizeof(aliases))
		return error_set(err, -ENAMETOOLONG, "%s", places->data_dir);
	r = alias_sweep(aliases, is_gone, &f, err);
	return r < 0 ? r : 0;
}

int install_tidy(const struct install_places *places, bool wait, struct appsilo_error *err)
{
	struct appsilo_error ignored = {0};
	cleanup_close int folder_fd = folder_lock(places->data_dir, false, wait, &ignored);

	/* No folder: nothing was ever installed. Locked: somebody else is at it. */
	return folder_fd < 0 ? 0 : install_finish(places, folder_fd, NULL, err);
}

int install_remove(const struct install_places *places, const struct installed_package *package,
		   struct appsilo_error *err)
{
	cleanup_close int folder_fd = folder_lock(places->data_dir, false, true, err);

	if (folder_fd < 0)
		return folder_fd;
	if (places->desktop_dir &&
	    menu_remove(places->desktop_dir, package->identity.family, err) < 0)
		return err->code;
	/* One step: half a package must not start. */
	if (renameat(folder_fd, package->identity.full_name, folder_fd, ".old") < 0)
		return error_set(err, -errno, "uninstall: %s", package->path);
	return install_finish(places, folder_fd, NULL, err);
}
