/* SPDX-License-Identifier: Apache-2.0 */
#include "package/menu.h"

#include "base/fd.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX "appsilo-"
#define ENDING ".desktop"
#define ENTRY_MAX 16384
/* Which type an ending stands for: lines "weight:type:*.ending" (shared-mime-info). */
#define GLOBS_FILE "/usr/share/mime/globs2"

/* The type of files that end with @ending (".py"). */
static void mime_type(const char *ending, char *ret, size_t size)
{
	cleanup_fclose FILE *file = fopen(GLOBS_FILE, "re");
	char line[512];

	snprintf(ret, size, "application/x-extension-%s", ending + 1);
	while (file && fgets(line, sizeof(line), file)) {
		char *type = strchr(line, ':'), *glob = type ? strchr(type + 1, ':') : NULL;

		if (!glob || *line == '#')
			continue;
		*glob++ = '\0';
		glob[strcspn(glob, ":\n")] = '\0';
		if (glob[0] != '*' || strcmp(glob + 1, ending) != 0)
			continue;
		snprintf(ret, size, "%s", type + 1);
		return;
	}
}

/* A quoted word of Exec=: the specification escapes these four, and "%" is doubled. */
static void quote(const char *text, char *ret, size_t size)
{
	size_t n = 0;

	ret[n++] = '"';
	for (; *text && n + 4 < size; text++) {
		if (strchr("\"`$\\", *text)) {
			ret[n++] = '\\';
			if (*text == '\\')
				ret[n++] = '\\', ret[n++] = '\\';
		}
		if (*text == '%')
			ret[n++] = '%';
		ret[n++] = *text;
	}
	ret[n++] = '"';
	ret[n] = '\0';
}

static bool add_types(const struct record *record, const char *app, char *text, size_t size)
{
	bool any = false;

	for (size_t i = 0; i < record->n; i++) {
		const struct record_line *line = &record->lines[i];
		size_t used = strlen(text);
		char type[256];

		if (strcmp(line->key, "file-type") != 0 || strcmp(line->more, app) != 0)
			continue;
		mime_type(line->value, type, sizeof(type));
		snprintf(text + used, size - used, "%s%s;", any ? "" : "MimeType=", type);
		any = true;
	}
	return any;
}

static int write_entry(int folder_fd, const struct record *record, const struct record_line *app,
		       const char *program)
{
	const char *family = record_get(record, "family");
	const char *name = record_get(record, "display-name");
	char text[ENTRY_MAX], file[NAME_MAX + 1], quoted[2 * PATH_MAX];
	int n;

	quote(program, quoted, sizeof(quoted));
	n = snprintf(text, sizeof(text),
		     "[Desktop Entry]\nType=Application\nName=%s\nTerminal=true\nNoDisplay=true\n"
		     "Exec=%s open --app %s -- %s %%F\n",
		     name ? name : family, quoted, app->value, family);
	if (n >= (int)sizeof(text) || !add_types(record, app->value, text, sizeof(text) - 1))
		return 0;
	strcat(text, "\n");
	if (snprintf(file, sizeof(file), PREFIX "%s-%s" ENDING, family, app->value) >=
	    (int)sizeof(file))
		return -ENAMETOOLONG;
	(void)unlinkat(folder_fd, file, 0); /* an older one of ours */
	{
		cleanup_close int fd =
			openat(folder_fd, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	}
}

int menu_make(const char *folder, const struct record *record, const char *program,
	      struct appsilo_error *err)
{
	cleanup_close int fd = -EBADF;
	int r = 0;

	if (!record_find(record, "file-type", NULL))
		return 0;
	if (mkdir(folder, 0755) < 0 && errno != EEXIST)
		return error_set(err, -errno, "menu entries in %s", folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "menu entries in %s", folder);
	for (size_t i = 0; r == 0 && i < record->n; i++)
		if (strcmp(record->lines[i].key, "app") == 0)
			r = write_entry(fd, record, &record->lines[i], program);
	return r < 0 ? error_set(err, r, "menu entry in %s", folder) : 0;
}

int menu_remove(const char *folder, const char *family, struct appsilo_error *err)
{
	DIR *dir = opendir(folder);
	char prefix[NAME_MAX + 1];
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_set(err, -errno, "menu entries in %s", folder);
	snprintf(prefix, sizeof(prefix), PREFIX "%s-", family);
	while (r == 0 && (entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
		    unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
			r = error_set(err, -errno, "menu entry %s/%s", folder, entry->d_name);
	closedir(dir);
	return r;
}
