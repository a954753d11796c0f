/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void runs_new_id(char ret[RUNS_ID_MAX])
{
	time_t now = time(NULL);
	struct tm parts;

	gmtime_r(&now, &parts); /* not strftime(), which reads the time zone */
	snprintf(ret, RUNS_ID_MAX, "%04d%02d%02d-%02d%02d%02d-%d", parts.tm_year + 1900,
		 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
		 (int)getpid());
}

static int newest_last(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_record(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 6 && strcmp(d->d_name + n - 6, ".jsonl") == 0;
}

static void remove_old(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_record, newest_last);
	char path[PATH_MAX + 256];

	for (int i = 0; i < n; i++) {
		if (i < n - RUNS_KEPT) {
			snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
			unlink(path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static int path_of(const char *data_dir, const char *id, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s/runs/%s.jsonl", data_dir, id);

	return n < (int)size ? 0 : -ENAMETOOLONG;
}

void runs_remove(const char *data_dir, const char *id)
{
	char path[PATH_MAX];

	if (path_of(data_dir, id, path, sizeof(path)) == 0)
		unlink(path);
}

int runs_create(const char *data_dir, const char *id)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int fd;

	if (path_of(data_dir, id, path, sizeof(path)) < 0 ||
	    snprintf(dir, sizeof(dir), "%s/runs", data_dir) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	(void)mkdir(dir, 0700); /* exists, or the open below says why not */
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	remove_old(dir);
	return fd;
}
