/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include "base/path.h"
#include "base/text.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

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
	if (path_clean(NULL, home, ret->home, sizeof(ret->home)) < 0)
		return error_say(err, -ENAMETOOLONG, "HOME is too long");
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
	int r = set_home(ret, err);

	if (r < 0)
		return r;
	set_user_name(ret);
	if (data && *data == '/')
		r = path_clean(NULL, data, ret->data_dir, sizeof(ret->data_dir));
	else
		r = path_join(ret->home, ".local/share", ret->data_dir, sizeof(ret->data_dir));
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

/* Open @name below @dir_fd as our own private directory, making it when missing. */
static int open_own(int dir_fd, const char *name)
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
	if (st.st_uid != geteuid())
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
	if (fd < 0 || fstat(data_fd, &st) < 0 || st.st_uid != geteuid() || fstat(fd, &st) < 0 ||
	    st.st_uid != geteuid())
		return -ENOENT;
	return TAKE_FD(fd);
}

int places_open_profile(const struct places *places, const char *family,
			char ret_path[PATH_MAX], struct appsilo_error *err)
{
	cleanup_close int data_fd = -EBADF;
	cleanup_close int profiles_fd = -EBADF;
	int r, fd;

	r = snprintf(ret_path, PATH_MAX, "%s/profiles/%s", places->data_dir, family);
	if (r >= PATH_MAX)
		return error_say(err, -ENAMETOOLONG, "profile: path too long");
	fd = open_existing(places->data_dir, family);
	if (fd >= 0)
		return fd;
	r = make_parents(places->data_dir);
	if (r < 0)
		return error_set(err, r, "profile: make %s", places->data_dir);
	data_fd = open_own(AT_FDCWD, places->data_dir);
	profiles_fd = data_fd < 0 ? data_fd : open_own(data_fd, "profiles");
	fd = profiles_fd < 0 ? profiles_fd : open_own(profiles_fd, family);
	if (fd < 0)
		return error_set(err, fd,
				 "profile: %s must be your own directory, not a link; repair it",
				 ret_path);
	return fd;
}
