/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only systemd may move a process from a login session's group, which is root's, to one that is
 * the user's own. It is asked over D-Bus by its own program: no D-Bus library fits into the static
 * front, and none is worth loading for one call.
 */
#include "isolation/cgroup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>

#define BUSCTL "/usr/bin/busctl"
#define PATIENCE_MS 3000

static void call(const char *unit, const char *pid, const char *runtime_dir) __attribute__((noreturn));

static void call(const char *unit, const char *pid, const char *runtime_dir)
{
	char variable[PATH_MAX];
	const char *const words[] = {
		BUSCTL, "--user", "--quiet", "--timeout=2", "call", "org.freedesktop.systemd1",
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartTransientUnit",
		"ssa(sv)a(sa(sv))", unit, "fail", "3", "PIDs", "au", "1", pid, "Delegate", "b", "true",
		"CollectMode", "s", "inactive-or-failed", "0", NULL};
	char *const env[] = {variable, NULL};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(variable, sizeof(variable), "XDG_RUNTIME_DIR=%s", runtime_dir);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null_fd, fd) < 0)
			_exit(126);
	k_close_range(3, ~0U, 0);
	execve(BUSCTL, (char *const *)words, env);
	_exit(127);
}

/* systemd answers before it has done it. */
static int wait_until_in(const char *unit)
{
	static const struct timespec moment = {.tv_nsec = 1000000};
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
	char text[4096];

	while (fd_read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0 || !strstr(text, unit)) {
		if (clock_monotonic_ms() > end_ms)
			return -ETIMEDOUT;
		nanosleep(&moment, NULL);
	}
	return 0;
}

/* Have this process moved into a scope, beside which groups can be made. */
static int enter_scope(void)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	char unit[64], pid[16], bus[PATH_MAX];
	uint64_t number;
	pid_t child;
	int status;

	if (!runtime_dir || snprintf(bus, sizeof(bus), "%s/bus", runtime_dir) >= (int)sizeof(bus) ||
	    access(bus, F_OK) < 0 || access(BUSCTL, X_OK) < 0)
		return -ENOENT;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	/* Not named as our own groups are: those are swept. */
	snprintf(unit, sizeof(unit), "app-appsilo-%016llx.scope", (unsigned long long)number);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		call(unit, pid, runtime_dir);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? wait_until_in(unit) : -EPERM;
}

int cgroup_obtain(const struct cgroup_limits *limits, unsigned int also, struct cgroup *ret,
		  struct appsilo_error *err)
{
	int r = cgroup_create(limits, also, ret, err);

	if (r < 0 || ret->n > 0 || ret->version != 2 || geteuid() == 0 || enter_scope() < 0)
		return r;
	return cgroup_create(limits, also, ret, err);
}
