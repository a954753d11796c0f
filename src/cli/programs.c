/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/programs.h"

#include "config.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statfs.h>

extern char **environ;

int programs_self(char ret[PATH_MAX], struct appsilo_error *err)
{
	cleanup_close int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs fs;
	ssize_t n;

	/* A fake /proc would name another program to execute (CVE-2025-52881). */
	if (proc_fd < 0 || fstatfs(proc_fd, &fs) < 0)
		return error_set(err, -errno, "/proc/self");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return error_say(err, -ENODEV, "/proc is not procfs; mount it");
	n = readlinkat(proc_fd, "exe", ret, PATH_MAX - 128);
	if (n < 0)
		return error_set(err, -errno, "/proc/self/exe");
	ret[n] = '\0';
	return 0;
}

int programs_find(const char *name, char ret[PATH_MAX], struct appsilo_error *err)
{
	bool front = strcmp(name, "appsilo") == 0;
	char *slash;
	int r = programs_self(ret, err);

	if (r < 0)
		return r;
	slash = strrchr(ret, '/');
	*slash = '\0';
	if (strcmp(ret, APPSILO_BINDIR) == 0)
		snprintf(ret, PATH_MAX, "%s/%s", APPSILO_LIBEXECDIR, name);
	else if (strcmp(ret, APPSILO_LIBEXECDIR) == 0 && front)
		snprintf(ret, PATH_MAX, "%s/%s", APPSILO_BINDIR, name);
	else
		snprintf(slash, 64, "/%s", name);
	/* Not a build tree, where all are in one folder: installed, and moved as a whole. */
	if (access(ret, X_OK) < 0 && slash - ret < PATH_MAX - 128)
		snprintf(slash, 128, "/%s/%s",
			 front ? APPSILO_LIBEXEC_TO_BIN : APPSILO_BIN_TO_LIBEXEC, name);
	if (access(ret, X_OK) < 0)
		return error_set(err, -errno, "%s is missing; install appsilo again", ret);
	return 0;
}

int programs_exec(const char *name, char *const *argv, struct appsilo_error *err)
{
	char path[PATH_MAX];

	if (programs_find(name, path, err) < 0)
		return 125;
	execve(path, argv, environ);
	error_set(err, -errno, "start %s", path);
	return 125;
}

int programs_exec_tool(char *const *argv, struct appsilo_error *err)
{
	return programs_exec("appsilo-tool", argv, err);
}
