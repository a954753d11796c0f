/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only systemd may move a process from a login session's group, which is root's, to one that is
 * the user's own; and what it has not delegated it may take back at any time. It is asked over
 * D-Bus by its own program: no D-Bus library fits into the static front, and none is worth loading
 * for one call.
 */
#include "isolation/cgroup.h"

#include "base/clock.h"
#include "base/fd.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#define SYSTEM_BUS "/run/dbus/system_bus_socket"
#define BUSCTL "/usr/bin/busctl"
#define PATIENCE_MS 3000
/* Below a group that is delegated to us: itself may then have groups with controllers. */
#define OWN_PLACE "launcher"

static void call(const char *unit, const char *pid, const char *runtime_dir) __attribute__((noreturn));

/* @runtime_dir  NULL: root's systemd */
static void call(const char *unit, const char *pid, const char *runtime_dir)
{
	char variable[PATH_MAX] = "LANG=C";
	const char *const words[] = {
		BUSCTL, runtime_dir ? "--user" : "--system", "--quiet", "--timeout=2", "call", "org.freedesktop.systemd1",
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartTransientUnit",
		"ssa(sv)a(sa(sv))", unit, "fail", "3", "PIDs", "au", "1", pid, "Delegate", "b", "true",
		"CollectMode", "s", "inactive-or-failed", "0", NULL};
	char *const env[] = {variable, NULL};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (runtime_dir)
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

/* Is there a bus, and its program? @ret_dir: NULL for root's. */
static bool find_bus(const char **ret_dir)
{
	char bus[PATH_MAX] = SYSTEM_BUS;

	*ret_dir = geteuid() == 0 ? NULL : getenv("XDG_RUNTIME_DIR");
	if (geteuid() != 0 && (!*ret_dir || snprintf(bus, sizeof(bus), "%s/bus", *ret_dir) >= (int)sizeof(bus)))
		return false;
	return access(bus, F_OK) == 0 && access(BUSCTL, X_OK) == 0;
}

/* Have this process moved into a scope that is delegated to us. */
static int enter_scope(void)
{
	const char *runtime_dir;
	char unit[64], pid[16];
	uint64_t number;
	pid_t child;
	int status;

	if (!find_bus(&runtime_dir))
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

/* A user's own directory is delegated; of root's, which all are, systemd has marked some. */
static bool is_delegated(int dir_fd)
{
	struct stat st;
	char mark;

	if (fstat(dir_fd, &st) < 0 || st.st_uid != geteuid())
		return false;
	return geteuid() != 0 || (fgetxattr(dir_fd, "trusted.delegate", &mark, 1) == 1 && mark == '1');
}

/* Move below our own group, if that is delegated: groups can then be made beside us. */
static int step_down(void)
{
	cleanup_close int own_fd = cgroup_own_dir();
	cleanup_close int procs_fd = -EBADF;

	if (own_fd < 0)
		return own_fd;
	if (!is_delegated(own_fd))
		return -EPERM;
	if (mkdirat(own_fd, OWN_PLACE, 0755) < 0 && errno != EEXIST)
		return -errno;
	procs_fd = openat(own_fd, OWN_PLACE "/cgroup.procs", O_WRONLY | O_CLOEXEC);
	return procs_fd < 0 ? -errno : fd_write_all(procs_fd, "0", 1);
}

int cgroup_obtain(const struct cgroup_limits *limits, unsigned int also, struct cgroup *ret,
		  struct appsilo_error *err)
{
	int r = cgroup_create(limits, also, ret, err);

	if (r < 0 || !ret->missing || ret->version != 2)
		return r;
	if (step_down() < 0 && (enter_scope() < 0 || step_down() < 0))
		return r;
	(void)!cgroup_remove(ret, 0); /* nothing was ever in it; if it stays, it is swept */
	cgroup_done(ret);
	return cgroup_create(limits, also, ret, err);
}
