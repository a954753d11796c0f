/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include "base/path.h"
#include "base/text.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40

/* Length of the longest part of @path before a slash that exists, which @ret then names. */
static size_t existing_part(const char *path, char ret[PATH_MAX])
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	while (n > 0) {
		while (n > 0 && path[n - 1] != '/')
			n--;
		if (n == 0)
			break;
		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		if (realpath(part, ret))
			return n;
		while (n > 0 && path[n - 1] == '/')
			n--;
	}
	return realpath(".", ret) ? 0 : (size_t)-1;
}

/* @path does not exist: take the dangling link out of it that is the reason. Returns 1 when
 * there was one and @path is another now; 0 with the clean path in @ret; -errno. */
static int follow_dangling(char path[PATH_MAX], char ret[PATH_MAX])
{
	char real[PATH_MAX], name[PATH_MAX], target[PATH_MAX], whole[PATH_MAX];
	size_t at = existing_part(path, real), n;
	ssize_t length;
	int r;

	if (at == (size_t)-1)
		return -errno;
	n = strcspn(path + at, "/");
	snprintf(name, sizeof(name), "%.*s", (int)n, path + at);
	r = path_join(real, name, whole, sizeof(whole));
	if (r < 0)
		return r;
	length = readlink(whole, target, sizeof(target) - 1);
	if (length < 0)
		return path_clean(real, path + at, ret, PATH_MAX);
	target[length] = '\0';
	r = snprintf(whole, sizeof(whole), "%s%s%s%s", *target == '/' ? "" : real,
		     *target == '/' ? "" : "/", target, path + at + n);
	if (r >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, whole, (size_t)r + 1);
	return 1;
}

int places_resolve(const char *given, char ret[PATH_MAX])
{
	char path[PATH_MAX];
	int r = 1;

	if (!*given)
		return -EINVAL;
	if (snprintf(path, sizeof(path), "%s", given) >= PATH_MAX)
		return -ENAMETOOLONG;
	for (int i = 0; r == 1 && i < LINKS_MAX; i++) {
		if (realpath(path, ret))
			return 1;
		r = errno == ENOENT ? follow_dangling(path, ret) : -errno;
	}
	return r == 1 ? -ELOOP : r;
}

bool places_is_made(const char *path)
{
	return path_is_under(path, "/proc") || path_is_under(path, "/sys") ||
	       (path_is_under(path, "/dev") && strncmp(path, "/dev/shm/", 9) != 0);
}

static int set_home(struct places *ret, struct appsilo_error *err)
{
	const char *home = getenv("HOME");
	cleanup_fclose FILE *users = NULL;
	const struct passwd *pw = NULL;

	if (!home || *home != '/') {
		/* Not getpwuid(): the static programs and the others must find the same place. */
		users = fopen("/etc/passwd", "re");
		while (users && (pw = fgetpwent(users)) && pw->pw_uid != getuid())
			;
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home || *home != '/')
		return error_say(err, -ENOENT, "HOME is not set to an absolute path; set it");
	/* The kernel names files by their real path: the never list must speak of the same. */
	if (places_resolve(home, ret->home) < 0)
		return error_say(err, -ENAMETOOLONG, "HOME is not a usable path");
	return 0;
}

static void set_user_name(struct places *ret)
{
	const char *name = getenv("USER");
	size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_-.")
			: 0;

	if (n == 0 || name[n] || n >= sizeof(ret->user_name) || strcmp(name, "root") == 0)
		name = "user";
	snprintf(ret->user_name, sizeof(ret->user_name), "%s", name);
}

int places_find(struct places *ret, struct appsilo_error *err)
{
	const char *data = getenv("XDG_DATA_HOME");
	char shown[256];
	char written[PATH_MAX];
	int r = set_home(ret, err);

	if (r < 0)
		return r;
	set_user_name(ret);
	if (data && *data == '/')
		r = places_resolve(data, ret->data_dir);
	else
		r = path_join(ret->home, ".local/share", written, sizeof(written));
	if (r == 0 && !(data && *data == '/'))
		r = places_resolve(written, ret->data_dir);
	r = r > 0 ? 0 : r;
	if (r == 0 && strlen(ret->data_dir) + 160 > sizeof(ret->data_dir))
		r = -ENAMETOOLONG;
	if (r < 0)
		return error_set(err, r, "XDG_DATA_HOME: unusable path");
	strcat(ret->data_dir, "/appsilo");
	/* The profile path becomes a field of the sandbox's /etc/passwd. */
	if (strpbrk(ret->data_dir, ":\n"))
		return error_say(err, -EINVAL,
				 "XDG_DATA_HOME: a colon or newline in %s cannot be used",
				 text_show(ret->data_dir, shown, sizeof(shown)));
	return 0;
}

/* Nobody else can put anything there. */
static bool is_ours(const struct stat *st)
{
	return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Open @name below @dir_fd as our own directory, making it when missing. A profile is the
 * app's, which may change its mode: not @private. */
static int open_own(int dir_fd, const char *name, bool private)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (private && !is_ours(&st)))
		return -EPERM;
	return TAKE_FD(fd);
}

/* mkdir -p of the user's own data home; links there are the user's business. */
static int make_parents(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0700) < 0 && errno != EEXIST && access(part, X_OK) < 0)
			return -errno;
	}
	return 0;
}

/* The usual case: everything is there. One walk below the held directory, no link on it. */
static int open_existing(const char *data_dir, const char *family)
{
	cleanup_close int data_fd = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_close int fd = -EBADF;
	char inside[PATH_MAX];
	struct stat st;

	if (data_fd < 0 || snprintf(inside, sizeof(inside), "profiles/%s", family) >= PATH_MAX)
		return -ENOENT;
	fd = k_openat2(data_fd, inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		       K_RESOLVE_NO_SYMLINKS | K_RESOLVE_BENEATH);
	if (fd < 0 || fstat(data_fd, &st) < 0 || !is_ours(&st) || fstat(fd, &st) < 0 ||
	    st.st_uid != geteuid())
		return -ENOENT;
	return TAKE_FD(fd);
}

int places_profile_path(const struct places *places, const char *family, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/profiles/%s", places->data_dir, family) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int places_open_profile(const struct places *places, const char *family,
			char ret_path[PATH_MAX], struct appsilo_error *err)
{
	cleanup_close int data_fd = -EBADF;
	cleanup_close int profiles_fd = -EBADF;
	int r, fd;

	r = places_profile_path(places, family, ret_path);
	if (r < 0)
		return error_say(err, r, "profile: path too long");
	fd = open_existing(places->data_dir, family);
	if (fd >= 0)
		return fd;
	r = make_parents(places->data_dir);
	if (r < 0)
		return error_set(err, r, "profile: make %s", places->data_dir);
	data_fd = open_own(AT_FDCWD, places->data_dir, true);
	profiles_fd = data_fd < 0 ? data_fd : open_own(data_fd, "profiles", true);
	fd = profiles_fd < 0 ? profiles_fd : open_own(profiles_fd, family, false);
	if (fd == -ENOSPC || fd == -EDQUOT || fd == -EROFS)
		return error_set(err, fd, "profile: make %s", ret_path);
	if (fd < 0)
		return error_set(err, fd,
				 "profile: %s and the folders of appsilo above it must be your own, no "
				 "links, and writable by nobody else; repair them",
				 ret_path);
	return fd;
}
