/* SPDX-License-Identifier: Apache-2.0 */
#include "package/alias.h"

#include "base/fd.h"
#include "manifest/identity.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define OPTION " --alias="
/* The kernel reads no more of a first line (BINPRM_BUF_SIZE). */
#define FIRST_LINE_MAX 255
#define TEXT_MAX (PATH_MAX + 512)
/* One at a time: who makes aliases holds the lock of the packages. */
#define TEMPORARY ".new"
#define REMARK "# An appsilo alias: starts the packaged program inside its boundary.\n"

/* The first line hands over without a shell in between; where the path does not fit there,
 * a shell does it. */
static int compose(const char *family, const char *app, const char *program, char ret[TEXT_MAX])
{
	int n = snprintf(ret, TEXT_MAX, "#!%s" OPTION "%s!%s\n", program, family, app);

	if (n <= FIRST_LINE_MAX && !strpbrk(program, " \t\n"))
		return snprintf(ret + n, TEXT_MAX - (size_t)n, REMARK) < 0 ? -EIO : 0;
	if (strpbrk(program, "'\n"))
		return -EINVAL;
	n = snprintf(ret, TEXT_MAX, "#!/bin/sh\n" REMARK "exec '%s'" OPTION "'%s!%s' \"$0\" \"$@\"\n",
		     program, family, app);
	return n >= TEXT_MAX ? -ENAMETOOLONG : 0;
}

/* The family that the alias @name starts; -EBADF when it is not an alias. */
static int read_family(int folder_fd, const char *name, char ret[PACKAGE_FAMILY_SIZE])
{
	char text[TEXT_MAX];
	const char *option, *start;
	struct stat st;
	size_t n;

	if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || fd_read_file(folder_fd, name, text, sizeof(text)) < 0)
		return -EBADF;
	option = strstr(text, OPTION);
	if (strncmp(text, "#!", 2) != 0 || !strstr(text, REMARK) || !option)
		return -EBADF;
	start = option + strlen(OPTION);
	start += *start == '\'';
	n = strcspn(start, "!\n");
	if (start[n] != '!' || n >= PACKAGE_FAMILY_SIZE)
		return -EBADF;
	snprintf(ret, PACKAGE_FAMILY_SIZE, "%.*s", (int)n, start);
	return package_family_is_valid(ret) ? 0 : -EBADF;
}

static int write_new(int folder_fd, const char *name, const char *text)
{
	cleanup_close int fd =
		openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0755);
	int r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));

	return r == 0 && fchmod(fd, 0755) < 0 ? -errno : r;
}

/* Our own alias is replaced in one step; a free name is taken only if it is still free. */
static int put(int folder_fd, const char *name, const char *family, const char *text)
{
	char owner[PACKAGE_FAMILY_SIZE];
	int r = read_family(folder_fd, name, owner);
	bool replaces;

	if (r == -EBADF || (r == 0 && strcmp(owner, family) != 0))
		return -EEXIST;
	if (r < 0 && r != -ENOENT)
		return r;
	replaces = r == 0;
	(void)unlinkat(folder_fd, TEMPORARY, 0); /* of an install that was killed */
	r = write_new(folder_fd, TEMPORARY, text);
	if (r == 0 && (replaces ? renameat(folder_fd, TEMPORARY, folder_fd, name)
				: linkat(folder_fd, TEMPORARY, folder_fd, name, 0)) < 0)
		r = -errno;
	(void)unlinkat(folder_fd, TEMPORARY, 0); /* gone already when it was renamed */
	return r;
}

int alias_make(const char *folder, const char *name, const char *family, const char *app,
	       const char *program, struct appsilo_error *err)
{
	cleanup_close int folder_fd = -EBADF;
	char text[TEXT_MAX];
	int r = compose(family, app, program, text);

	if (r == 0 && mkdir(folder, 0755) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r < 0)
		return error_set(err, folder_fd == -1 ? -errno : r, "alias %s/%s", folder, name);
	r = put(folder_fd, name, family, text);
	if (r == -EEXIST)
		return error_say(err, r, "alias %s/%s: something else has this name; it is kept",
				 folder, name);
	return r < 0 ? error_set(err, r, "alias %s/%s", folder, name) : 0;
}

bool alias_is_of(const char *folder, const char *name, const char *family)
{
	cleanup_close int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char owner[PACKAGE_FAMILY_SIZE];

	return folder_fd >= 0 && read_family(folder_fd, name, owner) == 0 &&
	       strcmp(owner, family) == 0;
}

int alias_sweep(const char *folder, int (*is_gone)(void *data, const char *family), void *data,
		struct appsilo_error *err)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, -errno, "aliases in %s", folder);
	(void)unlinkat(dirfd(dir), TEMPORARY, 0);
	while ((entry = readdir(dir))) {
		char family[PACKAGE_FAMILY_SIZE];

		if (read_family(dirfd(dir), entry->d_name, family) < 0 || !is_gone(data, family))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0) {
			n = error_set(err, -errno, "alias %s/%s", folder, entry->d_name);
			break;
		}
		n++;
	}
	closedir(dir);
	return n;
}
