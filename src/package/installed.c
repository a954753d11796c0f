/* SPDX-License-Identifier: Apache-2.0 */
#include "package/installed.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct found {
	struct installed_package *packages; /* owned */
	size_t n;
};

static void found_done(struct found *found)
{
	free(found->packages);
}

static int newest_first(const void *a, const void *b)
{
	const struct installed_package *x = a, *y = b;
	int r = strcmp(x->identity.family, y->identity.family);

	return r ? r : package_version_compare(&y->identity.version, &x->identity.version);
}

static int collect(DIR *dir, const char *folder, bool machine, const char *family,
		   struct found *ret)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		struct installed_package package = {.machine = machine}, *bigger;

		if (package_full_name_parse(entry->d_name, &package.identity) < 0 ||
		    (family && strcmp(package.identity.family, family) != 0) ||
		    snprintf(package.path, sizeof(package.path), "%s/%s", folder,
			     entry->d_name) >= (int)sizeof(package.path))
			continue;
		bigger = reallocarray(ret->packages, ret->n + 1, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		ret->packages = bigger;
		ret->packages[ret->n++] = package;
	}
	return 0;
}

static int find_all(const char *data_dir, bool machine, const char *family, struct found *ret)
{
	char folder[PATH_MAX];
	DIR *dir;
	int r;

	if (snprintf(folder, sizeof(folder), "%s/" INSTALLED_PACKAGES, data_dir) >=
	    (int)sizeof(folder))
		return -ENAMETOOLONG;
	dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	r = collect(dir, folder, machine, family, ret);
	closedir(dir);
	qsort(ret->packages, ret->n, sizeof(*ret->packages), newest_first);
	return r;
}

int installed_each(const char *data_dir, bool machine,
		   int (*visit)(void *data, const struct installed_package *package), void *data)
{
	cleanup(found_done) struct found found = {0};
	int r = find_all(data_dir, machine, NULL, &found);

	for (size_t i = 0; r == 0 && i < found.n; i++)
		r = visit(data, &found.packages[i]);
	return r;
}

int installed_find(const char *data_dir, const char *family, struct installed_package *ret)
{
	const char *const places[] = {data_dir, INSTALLED_MACHINE_DIR};

	if (!package_family_is_valid(family))
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup(found_done) struct found found = {0};
		int r = find_all(places[i], strcmp(places[i], INSTALLED_MACHINE_DIR) == 0,
				 family, &found);

		if (r < 0)
			return r;
		if (found.n) {
			*ret = found.packages[0];
			return 0;
		}
	}
	return -ENOENT;
}

int installed_open(const struct installed_package *package, struct appsilo_error *err)
{
	cleanup_close int fd =
		open(package->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, "package %s", package->path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
		return error_say(err, -EPERM,
				 "package %s: others can write it; uninstall it and install it again",
				 package->path);
	return TAKE_FD(fd);
}
