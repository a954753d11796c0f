/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/identity.h"

#include "base/path.h"
#include "base/sha256.h"
#include "base/text.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Search @list; empty and relative elements are skipped (CVE-2020-27348). */
static int search(const char *command, const char *list, char ret[PATH_MAX])
{
	int r = -ENOENT;

	while (list && *list) {
		size_t n = strcspn(list, ":");

		if (*list == '/' &&
		    snprintf(ret, PATH_MAX, "%.*s/%s", (int)n, list, command) < PATH_MAX) {
			if (is_program(ret))
				return 0;
			if (access(ret, F_OK) == 0)
				r = -EACCES;
		}
		list += n;
		list += *list == ':';
	}
	return r;
}

/* Could anybody but root put other bytes there? Looks at the file and every folder above. */
static int only_root_writes(const char *real, bool *ret)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s", real);
	*ret = true;
	for (size_t n = strlen(path); n > 0; n = path_parent_length(path, n)) {
		path[n] = '\0';
		if (stat(path, &st) < 0)
			return -errno;
		if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX)))
			*ret = false;
	}
	return 0;
}

static int add_content(struct sha256 *hash, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buffer[65536];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		sha256_add(hash, buffer, (size_t)n);
	return n < 0 ? -errno : 0;
}

static void make_name(const char *base, char ret[IDENTITY_NAME_MAX])
{
	size_t n = 0;

	for (; *base && n < 40; base++) {
		char c = *base;
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '.' || c == '-';

		if (good && !(n == 0 && (c == '.' || c == '-')))
			ret[n++] = c;
	}
	ret[n] = '\0';
	if (n == 0)
		snprintf(ret, IDENTITY_NAME_MAX, "app");
}

static int derive(struct identity *id, bool once, struct appsilo_error *err)
{
	unsigned char digest[SHA256_SIZE];
	char digits[14];
	struct sha256 hash;
	bool root_only = once;
	int r = once ? 0 : only_root_writes(id->real, &root_only);

	sha256_init(&hash);
	sha256_add(&hash, id->real, strlen(id->real) + 1);
	if (r == 0 && !root_only)
		r = add_content(&hash, id->real);
	if (r < 0)
		return error_set(err, r, "run: cannot verify the executable %s", id->real);
	sha256_finish(&hash, digest);
	sha256_crockford13(digest, digits);
	snprintf(id->app, sizeof(id->app), "%.*s", IDENTITY_NAME_MAX - 1, path_base(id->exe));
	make_name(path_base(id->real), id->family);
	snprintf(id->family + strlen(id->family), 16, "_%s", digits);
	return 0;
}

int identity_find(const char *command, const char *path, const char *cwd, bool once,
		  struct identity *ret, struct appsilo_error *err)
{
	char shown[256];
	int r;

	text_show(command, shown, sizeof(shown));
	if (!*command || strlen(command) >= PATH_MAX / 2)
		return error_say(err, -ENOENT, "run: not a command: \"%s\"", shown);
	if (strchr(command, '/')) {
		r = path_clean(cwd, command, ret->exe, sizeof(ret->exe));
		if (r == 0 && !is_program(ret->exe))
			r = access(ret->exe, F_OK) == 0 ? -EACCES : -errno;
	} else {
		r = search(command, path, ret->exe);
	}
	if (r == -EACCES)
		return error_say(err, r, "run: %s is not a program you may execute", shown);
	if (r < 0)
		return error_say(err, -ENOENT, "run: %s: command not found", shown);
	if (!realpath(ret->exe, ret->real))
		return error_set(err, -errno, "run: %s", shown);
	return derive(ret, once, err);
}
