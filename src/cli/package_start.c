/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/package_start.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "broker/attempts.h"
#include "manifest/names.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define VFS "VFS"

static int add_word(struct package_start *start, const char *option, const char *value)
{
	char *word;

	if (start->n_owned == RUN_LIST_MAX)
		return -E2BIG;
	if (asprintf(&word, "%s=%s", option, value) < 0)
		return -ENOMEM;
	start->words[start->n_owned++] = word;
	start->n_words++;
	return 0;
}

/* In a folder where anybody may rename, whoever does chooses what is granted. A folder that
 * somebody else owns could have been made to lure what the app writes. */
static bool is_trusted(const struct stat *folder, const struct stat *st)
{
	if (folder->st_mode & S_IWOTH && !(folder->st_mode & S_ISVTX))
		return false;
	return S_ISDIR(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid());
}

/* Directories whose name ends with the publisher's ID. */
static int add_publisher_directories(struct package_start *start, const char *folder)
{
	const char *id = start->package.identity.publisher_id;
	cleanup_close int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(dup(fd));
	struct dirent *entry;
	struct stat top;
	int r = 0;

	while (r == 0 && dir && fstat(fd, &top) == 0 && (entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);
		char path[PATH_MAX];
		struct stat st;

		if (n < PUBLISHER_ID_SIZE + 1 ||
		    entry->d_name[n - PUBLISHER_ID_SIZE] != '_' ||
		    strcmp(entry->d_name + n - PUBLISHER_ID_SIZE + 1, id) != 0)
			continue;
		/* A link would let whoever made it choose the folder (CVE-2024-42472). */
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !is_trusted(&top, &st) ||
		    path_join(folder, entry->d_name, path, sizeof(path)) < 0)
			continue;
		r = add_word(start, "--allow-write", path);
	}
	if (dir)
		closedir(dir);
	return r;
}

static int add_capability(struct package_start *start, const struct places *places,
			  const char *name)
{
	char data_home[PATH_MAX];
	int r;

	if (strcmp(name, CAPABILITY_PROFILES_ROOT) == 0)
		return add_word(start, "--allow-list", "/home");
	if (strcmp(name, CAPABILITY_USER_PROFILE) == 0)
		return add_word(start, "--allow-list", places->home);
	if (strcmp(name, CAPABILITY_VOLUME_ROOT) == 0)
		return add_word(start, "--allow-list", "/");
	if (strcmp(name, CAPABILITY_PUBLISHER_DIRECTORY) != 0)
		return 0;
	snprintf(data_home, sizeof(data_home), "%.*s",
		 (int)path_parent_length(places->data_dir, strlen(places->data_dir)),
		 places->data_dir);
	r = add_publisher_directories(start, data_home);
	return r < 0 ? r : add_publisher_directories(start, "/srv");
}

static int add_line(struct package_start *start, const struct places *places,
		    const struct record_line *line)
{
	char option[64];

	if (strcmp(line->key, "capability") == 0)
		return add_capability(start, places, line->value);
	if (strcmp(line->key, "host") == 0)
		return add_word(start, "--allow-host", line->value);
	if (strcmp(line->key, "env") == 0)
		return add_word(start, "--env", line->value);
	if (strcmp(line->key, "system-path") == 0)
		return access(line->value, F_OK) < 0 ? 0 : add_word(start, "--allow-read", line->value);
	if (strcmp(line->key, "limit") == 0) {
		snprintf(option, sizeof(option), "--%s", line->value);
		return add_word(start, option, line->more);
	}
	return 0;
}

/* One word for all of them: of two --net the later would count alone. */
static int add_network(struct package_start *start)
{
	static const struct {
		const char *capability, *mode;
	} modes[] = {
		{CAPABILITY_CLIENT, "client"},
		{CAPABILITY_SERVER, "client-server"},
		{CAPABILITY_PRIVATE, "private"},
	};
	char joined[64] = "";

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (!record_find(&start->record, "capability", modes[i].capability))
			continue;
		if (*joined)
			strcat(joined, ",");
		strcat(joined, modes[i].mode);
	}
	return *joined ? add_word(start, "--net", joined) : 0;
}

/* Marked by `profile start`. */
static int add_profile(struct package_start *start, const struct places *places)
{
	char path[PATH_MAX], mode[16];
	ssize_t n = snprintf(path, sizeof(path), "%s/" ATTEMPTS_FOLDER "/%s/" ATTEMPTS_MARK, places->data_dir,
			     start->package.identity.family);

	if (n >= (ssize_t)sizeof(path))
		return -ENAMETOOLONG;
	n = fd_read_file(AT_FDCWD, path, mode, sizeof(mode));
	if (n == -ENOENT || n == -ENOTDIR)
		return 0;
	return n < 0 ? (int)n : add_word(start, "--profile", mode);
}

/* The package's own words first: what a person writes comes after them and wins. */
static int make_words(struct package_start *start, const struct places *places, char *const *given,
		      struct appsilo_error *err)
{
	size_t n = 0;
	int r = 0;

	while (given[n])
		n++;
	start->words = calloc(RUN_LIST_MAX + n + 1, sizeof(*start->words));
	if (!start->words)
		return error_set(err, -ENOMEM, "run");
	r = add_network(start);
	if (r == 0)
		r = add_profile(start, places);
	for (size_t i = 0; r == 0 && i < start->record.n; i++)
		r = add_line(start, places, &start->record.lines[i]);
	if (r < 0)
		return error_set(err, r, "run: settings of %s", start->package.path);
	memcpy(start->words + start->n_owned, given, n * sizeof(*given));
	start->n_words += n;
	return 0;
}

int package_start_load(const struct places *places, const struct run_options *options,
		       char *const *words, struct package_start *ret, struct appsilo_error *err)
{
	char shown[160];
	int r = installed_find(places->data_dir, options->package, &ret->package);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_set(err, r, "run: -p %s",
				 text_show(options->package, shown, sizeof(shown)));
	r = ret->dir_fd = installed_open(&ret->package, err);
	if (r >= 0)
		r = record_read(ret->dir_fd, ret->package.path, &ret->record, err);
	if (r == 0)
		r = make_words(ret, places, words, err);
	if (r < 0)
		return r;
	ret->active = true;
	return 1;
}

/* Where a file of the package shows up inside: VFS is laid over the system. */
static int seen_at(const struct package_start *start, const char *file, char ret[PATH_MAX])
{
	int n = strncmp(file, VFS "/", 4) == 0
			? snprintf(ret, PATH_MAX, "%s", file + 3)
			: snprintf(ret, PATH_MAX, "%s/%s", start->package.path, file);

	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int package_start_command(struct package_start *start, struct run_options *options,
			  struct appsilo_error *err)
{
	const struct record_line *app = record_find(&start->record, "app", options->app);
	size_t n = 0;
	char shown[160];

	if (*options->command && !options->app)
		return 0;
	if (!app)
		return error_say(err, -ENOENT, "run: --app %s: %s has no such application",
				 text_show(options->app ? options->app : "", shown, sizeof(shown)),
				 start->package.identity.family);
	while (options->command[n])
		n++;
	start->command = calloc(n + 2, sizeof(*start->command));
	if (!start->command || seen_at(start, app->more, start->executable) < 0)
		return error_set(err, -ENOMEM, "run: %s", app->more);
	start->command[0] = start->executable;
	memcpy(start->command + 1, options->command, n * sizeof(*start->command));
	options->command = start->command;
	return 0;
}

/* Does the package hold a program that shows up at @path? */
static bool holds(const struct package_start *start, const char *path)
{
	const char *own = start->package.path;
	char file[PATH_MAX];
	struct stat st;

	if (path_is_under(path, own))
		snprintf(file, sizeof(file), ".%s", path + strlen(own));
	else if (snprintf(file, sizeof(file), VFS "%s", path) >= (int)sizeof(file))
		return false;
	return fstatat(start->dir_fd, file, &st, 0) == 0 && S_ISREG(st.st_mode) &&
	       st.st_mode & S_IXUSR;
}

static int search(const struct package_start *start, const char *command, const char *list,
		  char ret[PATH_MAX])
{
	while (*list) {
		size_t n = strcspn(list, ":");

		if (*list == '/' && snprintf(ret, PATH_MAX, "%.*s/%s", (int)n, list, command) <
					    PATH_MAX && holds(start, ret))
			return 0;
		list += n;
		list += *list == ':';
	}
	return -ENOENT;
}

int package_start_find(const struct package_start *start, const char *command, const char *path,
		       struct identity *ret)
{
	const char *publisher = record_get(&start->record, "publisher");
	char exe[PATH_MAX];
	int r;

	if (strchr(command, '/'))
		r = path_clean(NULL, command, exe, sizeof(exe)) == 0 && holds(start, exe) ? 0 : -ENOENT;
	else
		r = search(start, command, path, exe);
	snprintf(ret->family, sizeof(ret->family), "%s", start->package.identity.family);
	if (r < 0)
		return r;
	strcpy(ret->exe, exe);
	snprintf(ret->app, sizeof(ret->app), "%.*s", IDENTITY_NAME_MAX - 1, path_base(exe));
	/* Shown to people: the signature was checked when the package was installed. */
	snprintf(ret->real, sizeof(ret->real), "%s, signed by %s", ret->exe,
		 publisher ? publisher : "?");
	return 0;
}

bool package_start_asks(const struct package_start *start)
{
	return record_find(&start->record, "capability", CAPABILITY_PROMPT) != NULL;
}

int package_start_alias(int argc, char *const *argv, char family[PACKAGE_FAMILY_SIZE], char *ret[],
			struct appsilo_error *err)
{
	const char *target = argv[1] + strlen("--alias=");
	const char *mark = strchr(target, '!');
	size_t n = 0;

	if (argc < 3 || !mark || !mark[1] || mark - target >= PACKAGE_FAMILY_SIZE)
		return error_say(err, -EINVAL,
				 "--alias is for the first line of an alias file; use appsilo run");
	snprintf(family, PACKAGE_FAMILY_SIZE, "%.*s", (int)(mark - target), target);
	ret[n++] = argv[0];
	ret[n++] = (char *)"run";
	ret[n++] = (char *)"-p";
	ret[n++] = family;
	ret[n++] = (char *)"--app";
	ret[n++] = (char *)(mark + 1);
	ret[n++] = (char *)"--";
	for (int i = 3; i < argc; i++)
		ret[n++] = argv[i];
	ret[n] = NULL;
	return 0;
}
