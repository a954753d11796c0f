/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void runs_make_id(int64_t time_ms, pid_t pid, char ret[RUNS_ID_MAX])
{
	time_t now = time_ms / 1000;
	struct tm parts;

	gmtime_r(&now, &parts); /* not strftime(), which reads the time zone */
	snprintf(ret, RUNS_ID_MAX, "%04d%02d%02d-%02d%02d%02d.%03d-%d", parts.tm_year + 1900,
		 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
		 (int)(time_ms % 1000), (int)pid);
}

static int newest_last(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), tail = strlen(suffix);

	return n > tail && strcmp(name + n - tail, suffix) == 0;
}

void runs_forget_old(const char *dir, const char *suffix)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, newest_last), records = 0;
	char path[PATH_MAX + 256];

	for (int i = n - 1; i >= 0; i--) {
		if (ends_with(list[i]->d_name, suffix) && records++ >= RUNS_KEPT) {
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
	runs_forget_old(dir, ".jsonl");
	return fd;
}
