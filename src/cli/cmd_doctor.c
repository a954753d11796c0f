/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what this host offers, what a missing part costs, and the one thing to do. */
#include "cli/command.h"

#include "base/fd.h"
#include "base/json.h"
#include "cli/host_config.h"
#include "config.h"
#include "isolation/cgroup.h"
#include "isolation/confine.h"
#include "isolation/landlock.h"
#include "isolation/probe.h"
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

enum {
	OPT_JSON,
};

static const struct option_row doctor_options[] = {
	{OPT_JSON, "--json", NULL, "as a JSON object"},
	{0, NULL, NULL, NULL},
};

#define CHECKS_MAX 20

struct check {
	const char *name;
	bool ok, required;
	char found[256];
	const char *cost; /* when missing */
	const char *todo;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	*(bool *)data = true;
	return 0;
}

static bool setting_is(const char *path, const char *value)
{
	char text[32];

	return fd_read_file(AT_FDCWD, path, text, sizeof(text)) > 0 &&
	       strncmp(text, value, strlen(value)) == 0 && text[strlen(value)] == '\n';
}

static const char *namespace_todo(void)
{
	if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
		return "AppArmor restricts them: load the profile " APPSILO_DATADIR
		       "/apparmor/appsilo (copy it to /etc/apparmor.d and run apparmor_parser -r "
		       "/etc/apparmor.d/appsilo), or set sysctl "
		       "kernel.apparmor_restrict_unprivileged_userns=0";
	if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return "sysctl kernel.unprivileged_userns_clone=1";
	if (setting_is("/proc/sys/user/max_user_namespaces", "0"))
		return "sysctl user.max_user_namespaces=10000";
	return "in a container: allow user namespaces in its seccomp profile; else use a kernel with "
	       "CONFIG_USER_NS";
}

static const char *fuse_todo(int code)
{
	if (access("/dev/fuse", F_OK) < 0)
		return "modprobe fuse; in a container, pass it in (--device /dev/fuse)";
	return code == -ENODEV || code == -ENOSYS
		       ? "use a kernel with CONFIG_FUSE_FS, Linux 5.2 or newer"
		       : "as root: chmod 666 /dev/fuse (make setup does); in a container, allow the "
			 "device (--device /dev/fuse)";
}

static const char *tunnel_todo(int code)
{
	return code == -ENOENT || code == -ENODEV || code == -EBADF
		       ? "modprobe tun; in a container, pass it in (--device /dev/net/tun)"
		       : "as root: chmod 666 /dev/net/tun (make setup does); in a container, allow the "
			 "device (--device /dev/net/tun)";
}

static struct check result(const char *name, int code, bool required, const char *cost,
			   const char *todo)
{
	struct check c = {.name = name, .ok = code == 0, .required = required, .cost = cost,
			  .todo = todo};

	snprintf(c.found, sizeof(c.found), "%s", code == 0 ? "works" : strerror(-code));
	return c;
}

#define NOT_WITHOUT "appsilo does not run without "
#define CONTAINER "; in a container, allow it in its seccomp profile"

/* What is simply tried. */
static const struct {
	enum probe probe;
	bool required;
	const char *name, *cost, *todo;
} tried[] = {
	{PROBE_NAMESPACES, true, "namespaces", NOT_WITHOUT "pid, ipc, uts, cgroup and net namespaces",
	 "use a kernel with CONFIG_NAMESPACES" CONTAINER},
	{PROBE_MOUNT_API, true, "mount-api", NOT_WITHOUT "fsopen, open_tree, move_mount, mount_setattr",
	 "use Linux 5.12 or newer" CONTAINER},
	{PROBE_PROC, true, "proc-mount", NOT_WITHOUT "a /proc of its own",
	 "this host masks parts of /proc (a container): unmask it (podman: --security-opt "
	 "unmask=ALL)"},
	{PROBE_CALLS, true, "calls", NOT_WITHOUT "openat2, close_range and statx",
	 "use Linux 5.9 or newer" CONTAINER},
	{PROBE_SECCOMP, true, "seccomp", NOT_WITHOUT "its filter",
	 "use a kernel with CONFIG_SECCOMP_FILTER; in a container, allow seccomp(2)"},
	{PROBE_SECCOMP_NOTIFY, false, "seccomp-notify", "asking for files; only --prompt never works",
	 "use Linux 5.5 or newer; in a container, allow seccomp(2) with a listener (another program "
	 "may hold the only one)"},
};

static struct check check_landlock(void)
{
	int code = probe(PROBE_LANDLOCK), abi = landlock_abi();
	struct check c = result("landlock", code, true, "the second layer; " NOT_WITHOUT "it",
				code == -EOPNOTSUPP ? "boot with landlock in lsm= (kernel command line)"
						    : "use Linux 5.13 or newer with "
						      "CONFIG_SECURITY_LANDLOCK" CONTAINER);

	if (code == 0)
		snprintf(c.found, sizeof(c.found), "ABI %d%s", abi,
			 abi < 2	? "; moving files to another folder fails (needs Linux 5.19)"
			 : abi < 6 ? "; newer kernels add signal and socket scopes (Linux 6.12)"
				   : "");
	return c;
}

static struct check check_fast_path(void)
{
	int code = confine_can_report_sockets(landlock_abi()) ? 0 : -EOPNOTSUPP;

	return result("fast-path", code, false, "native speed of TCP, and \"permission denied\" for a refused "
		      "connection; packets are judged one by one", "use Linux 6.9 or newer, with Landlock");
}

static const char *cgroup_todo(int version)
{
	if (version == 2)
		return "log in to a session with systemd --user running (appsilo then gets a scope of its "
		       "own); a missing controller is shared out by Delegate=cpu memory pids of "
		       "user@.service; give a service Delegate=yes; in a container, let it manage its cgroups";
	return version == 1 ? "version 1 of cgroups is root's alone: run it as root, or boot with "
			      "systemd.unified_cgroup_hierarchy=1"
			    : "mount them: mount -t cgroup2 cgroup2 /sys/fs/cgroup";
}

static const struct {
	unsigned int what;
	const char *name, *instead, *cost; /* no cost: as good without a cgroup */
} limited[] = {
	{CGROUP_MEMORY, "limit-memory", "rlimit, each process by itself",
	 "--memory holds for each process by itself, not for all of them together"},
	{CGROUP_PIDS, "limit-pids", "rlimit, all processes together", NULL},
	{CGROUP_CPU_TIME, "limit-time", "rlimit, each process by itself",
	 "--time holds for each process, not for all of them together"},
	{CGROUP_CPU, "limit-cpus", "nothing", "--cpus does not hold"},
};

/* A group with every limit, made and removed. Returns the next free check. */
static struct check *check_limits(struct check *next)
{
	const struct cgroup_limits all = {1 << 30, 1000, 1000};
	cleanup(cgroup_donep) struct cgroup cg;
	struct appsilo_error err;
	int code = cgroup_obtain(&all, CGROUP_CPU_TIME, &cg, &err);

	(void)!cgroup_remove(&cg, 0); /* what stays is swept by the next run */
	*next = result("cgroup", 0, false, "", "");
	snprintf(next->found, sizeof(next->found), "version %d%s%s",
		 cg.version, cg.refused || code < 0 ? "; " : "",
		 cg.refused || code < 0 ? strerror(-(cg.refused ? cg.refused : code)) : "");
	if (cg.version == 0)
		snprintf(next->found, sizeof(next->found), "none");
	next++;
	for (size_t i = 0; i < ARRAY_SIZE(limited); i++, next++) {
		bool whole = code == 0 && cg.what & limited[i].what;

		*next = result(limited[i].name, whole || !limited[i].cost ? 0 : -ENOTSUP, false,
			       limited[i].cost, cgroup_todo(cg.version));
		snprintf(next->found, sizeof(next->found), "%s",
			 whole ? "cgroup, all processes together" : limited[i].instead);
	}
	return next;
}

static struct check check_io_uring(void)
{
	static const char path[] = "/sys/module/fuse/parameters/enable_uring";
	struct check c = result("fuse-io-uring", 0, false, "", "");

	snprintf(c.found, sizeof(c.found), "%s; this version serves FUSE by read and write",
		 access(path, F_OK) < 0 ? "not offered" : setting_is(path, "Y") ? "on" : "off");
	return c;
}

static struct check check_config(struct appsilo_error *err)
{
	unsigned int first = 0, count = 0;
	int code = config_uid_range(&first, &count, err);
	struct check c = result("uid-range", code, true, "runs that root starts",
				"repair or remove " CONFIG_FILE);

	if (code == 0)
		snprintf(c.found, sizeof(c.found), "%u-%u", first, first + count - 1);
	else
		snprintf(c.found, sizeof(c.found), "%.200s", err->line);
	return c;
}

static size_t examine(struct check checks[CHECKS_MAX])
{
	struct appsilo_error err = {0};
	struct utsname uts;
	size_t n = 0;
	int code;

	uname(&uts);
	checks[n] = result("kernel", 0, false, "", "");
	snprintf(checks[n++].found, sizeof(checks[0].found), "%.60s %.60s", uts.release, uts.machine);
	checks[n++] = result("user-namespaces", probe(PROBE_USER_NAMESPACE), true,
			     "the sandbox itself; " NOT_WITHOUT "them", namespace_todo());
	for (size_t i = 0; i < ARRAY_SIZE(tried); i++)
		checks[n++] = result(tried[i].name, probe(tried[i].probe), tried[i].required,
				     tried[i].cost, tried[i].todo);
	checks[n++] = check_landlock();
	code = probe(PROBE_FUSE);
	checks[n++] = result("fuse", code, false, "asking for files; only --prompt never works",
			     fuse_todo(code));
	code = probe(PROBE_TUNNEL);
	checks[n++] = result("tunnel", code, false, "every network; only --net none works",
			     tunnel_todo(code));
	checks[n++] = check_fast_path();
	checks[n++] = check_io_uring();
	n = (size_t)(check_limits(&checks[n]) - checks);
	if (geteuid() == 0)
		checks[n++] = check_config(&err);
	return n;
}

static void print_text(const struct check *c)
{
	printf("%-16s %-8s %s\n", c->name, c->ok ? "ok" : c->required ? "MISSING" : "missing",
	       c->found);
	if (!c->ok)
		printf("%16s costs:   %s\n%16s do this: %s\n", "", c->cost, "", c->todo);
}

static void add_json(struct json_writer *w, const struct check *c)
{
	jsonw_open(w, NULL, '{');
	jsonw_string(w, "name", c->name);
	jsonw_bool(w, "ok", c->ok);
	jsonw_bool(w, "required", c->required);
	jsonw_string(w, "found", c->found);
	if (!c->ok) {
		jsonw_string(w, "cost", c->cost);
		jsonw_string(w, "todo", c->todo);
	}
	jsonw_close(w, '}');
}

static int run_doctor(int argc, char **argv, struct appsilo_error *err)
{
	struct check checks[CHECKS_MAX];
	struct json_writer w;
	char text[16384];
	bool json = false, works = true;
	int words = command_options(argc, argv, doctor_options, take, &json, err);
	size_t n;

	if (words > 0)
		words = error_say(err, -EINVAL, "doctor: takes no words");
	if (words < 0)
		return EXIT_USAGE;
	fflush(stdout);
	n = examine(checks);
	jsonw_init(&w, text, sizeof(text));
	jsonw_open(&w, NULL, '{');
	jsonw_open(&w, "checks", '[');
	for (size_t i = 0; i < n; i++) {
		works = works && (checks[i].ok || !checks[i].required);
		if (json)
			add_json(&w, &checks[i]);
		else
			print_text(&checks[i]);
	}
	jsonw_close(&w, ']');
	jsonw_bool(&w, "works", works);
	jsonw_close(&w, '}');
	if (json && jsonw_finish(&w) > 0)
		printf("%s", text);
	if (works)
		return EXIT_OK;
	error_say(err, -ENOTSUP, "doctor: appsilo run cannot work here; see MISSING above");
	return EXIT_FAILED;
}

const struct command command_doctor = {"doctor", "[--json]",
				       "say what this host offers and what to do about the rest",
				       doctor_options, run_doctor};
