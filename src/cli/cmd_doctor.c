/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what this host offers, what a missing part costs, and the one thing to do. */
#include "cli/command.h"

#include "base/fd.h"
#include "base/json.h"
#include "isolation/init.h"
#include "isolation/kernel.h"
#include "isolation/landlock.h"
#include "isolation/tree.h"
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

enum {
	OPT_JSON,
};

static const struct option_row doctor_options[] = {
	{OPT_JSON, "--json", NULL, "as a JSON object"},
	{0, NULL, NULL, NULL},
};

struct check {
	const char *name;
	bool ok, required;
	char found[160];
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

/* Run @try in a child; its exit code 0 means it worked, else it is the errno. */
static int in_child(int (*try)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(try());
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static int try_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return errno;
	return -init_write_id_maps(0, uid, gid, true);
}

static int try_fuse(void)
{
	int r = geteuid() == 0 ? 0 : try_user_namespace();

	if (r != 0)
		return r;
	return open("/dev/fuse", O_RDWR | O_CLOEXEC) < 0 ? errno : 0;
}

static int try_proc(void)
{
	int r = try_user_namespace();
	pid_t pid;
	int status;

	if (r != 0 || unshare(CLONE_NEWPID) < 0)
		return r ? r : errno;
	pid = fork();
	if (pid == 0)
		_exit(tree_new_fs("proc", NULL, 0) < 0 ? EPERM : 0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

static const char *namespace_todo(void)
{
	if (setting_is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"))
		return "install data/apparmor/appsilo in /etc/apparmor.d and reload, or set "
		       "sysctl kernel.apparmor_restrict_unprivileged_userns=0";
	if (setting_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		return "sysctl kernel.unprivileged_userns_clone=1";
	if (setting_is("/proc/sys/user/max_user_namespaces", "0"))
		return "sysctl user.max_user_namespaces=10000";
	return "in a container: allow user namespaces in its seccomp profile; else use a kernel with "
	       "CONFIG_USER_NS";
}

static struct check result(const char *name, int code, bool required, const char *cost,
			   const char *todo)
{
	struct check c = {.name = name, .ok = code == 0, .required = required, .cost = cost,
			  .todo = todo};

	snprintf(c.found, sizeof(c.found), "%s", code == 0 ? "works" : strerror(code));
	return c;
}

static struct check check_landlock(void)
{
	int abi = landlock_abi();
	struct check c = result("landlock", abi > 0 ? 0 : -abi, true,
				"the second layer; appsilo does not run without it",
				"boot with landlock in lsm=, Linux 5.13 or newer");

	if (abi > 0)
		snprintf(c.found, sizeof(c.found), "ABI %d%s", abi,
			 abi < 6 ? "; newer kernels add signal and socket scopes" : "");
	return c;
}

static struct check check_seccomp(void)
{
	struct seccomp_notif_sizes sizes;
	long r = syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);

	return result("seccomp", r < 0 ? errno : 0, true,
		      "the filter and its notifications; appsilo does not run without them",
		      "use a kernel with CONFIG_SECCOMP_FILTER, Linux 5.5 or newer; in a container, "
		      "allow seccomp(2)");
}

static struct check check_cgroup(void)
{
	bool v2 = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
	struct check c = result("cgroup", 0, false, "", "");

	snprintf(c.found, sizeof(c.found), "%s; limits use rlimits in this version",
		 v2 ? "v2" : access("/sys/fs/cgroup/memory", F_OK) == 0 ? "v1" : "none");
	return c;
}

static size_t examine(struct check checks[8])
{
	struct utsname uts;
	size_t n = 0;

	uname(&uts);
	checks[n] = result("kernel", 0, false, "", "");
	snprintf(checks[n++].found, sizeof(checks[0].found), "%.60s %.60s", uts.release, uts.machine);
	checks[n++] = result("user-namespaces", in_child(try_user_namespace), true,
			     "the sandbox itself; appsilo does not run without them",
			     namespace_todo());
	checks[n++] = result("proc-mount", in_child(try_proc), true,
			     "the sandbox's own /proc; appsilo does not run without it",
			     "this host masks parts of /proc (a container): unmask it "
			     "(podman: --security-opt unmask=ALL)");
	checks[n++] = check_landlock();
	checks[n++] = check_seccomp();
	checks[n++] = result("fuse", in_child(try_fuse), false,
			     "asking for files; only --prompt never works",
			     access("/dev/fuse", F_OK) < 0 ? "modprobe fuse"
							   : "chmod 666 /dev/fuse (make setup does)");
	checks[n++] = check_cgroup();
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
	struct check checks[8];
	struct json_writer w;
	char text[8192];
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
