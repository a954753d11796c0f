/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/uninstall.h"

#include "consent/rules_cache.h"
#include "consent/used.h"
#include "package/folder.h"
#include <fcntl.h>

static int forget(const struct package_places *places, const char *family, int *ret_count,
		  struct appsilo_error *err)
{
	cleanup(consent_store_closep) struct consent_store *store = NULL;
	int r = consent_store_open(places->user.data_dir, STORE_READ, &store, err);

	return r < 0 ? r : consent_store_remove(store, family, NULL, true, ret_count, err);
}

static int remove_profile(const struct package_places *places, const char *family,
			  struct appsilo_error *err)
{
	char path[PATH_MAX + 16];
	cleanup_close int fd = -EBADF;
	int r;

	snprintf(path, sizeof(path), "%s/profiles", places->user.data_dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? (errno == ENOENT ? 0 : -errno) : folder_remove(fd, family);
	return r < 0 ? error_set(err, r, "uninstall: %s/%s", path, family) : 0;
}

int uninstall(const struct package_places *places, const struct installed_package *package,
	      bool keep_profile, int *ret_count, struct appsilo_error *err)
{
	const char *family = package->identity.family;
	int r = forget(places, family, ret_count, err);

	if (r == 0) {
		used_forget(places->user.data_dir, family);
		rules_cache_forget(places->user.data_dir, family);
	}
	if (r == 0 && !keep_profile)
		r = remove_profile(places, family, err);
	/* The package last. */
	return r == 0 ? install_remove(&places->install, package, err) : r;
}
