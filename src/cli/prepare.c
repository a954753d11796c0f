/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prepare.h"

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/host_config.h"
#include "cli/result.h"
#include "isolation/idmap.h"
#include "isolation/kernel.h"
#include "isolation/launch.h"
#include "isolation/pty.h"
#include "isolation/tree.h"
#include "isolation/zygote.h"
#include "manifest/names.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A directory on a standard descriptor would be a way out of the view (CVE-2024-21626). */
static int check_standard_fds(struct appsilo_error *err)
{
	struct stat st;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &st) < 0) {
			int null_fd = open("/dev/null", O_RDWR);

			if (null_fd != fd)
				return error_say(err, -EBADF, "run: cannot open /dev/null");
			continue;
		}
		if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
			return error_say(err, -EISDIR,
					 "run: descriptor %d is a directory or disk; redirect it "
					 "to a file or pipe",
					 fd);
	}
	return 0;
}

static int find_cwd(struct prepared *p, struct appsilo_error *err)
{
	const char *given = p->options.cwd ? p->options.cwd : ".";
	char shown[512];
	struct stat st;

	if (!realpath(given, p->cwd))
		return error_set(err, -errno, "run: current directory %s",
				 text_show(given, shown, sizeof(shown)));
	if (stat(p->cwd, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_say(err, -ENOTDIR, "run: --cwd %s is not a directory",
				 text_show(given, shown, sizeof(shown)));
	return 0;
}

/* Programs look at either spelling. */
static int name_proxy(struct prepared *p)
{
	int r = 0;

	for (const char *const *name = network_proxy_variables; r == 0 && *name; name++)
		r = environment_set(&p->env, *name, p->options.proxy);
	if (r == 0)
		r = environment_set(&p->env, "no_proxy", NETWORK_NO_PROXY);
	return r < 0 ? r : environment_set(&p->env, "NO_PROXY", NETWORK_NO_PROXY);
}

static int fill_environment(struct prepared *p, struct appsilo_error *err)
{
	const struct {
		const char *name, *value;
	} fixed[] = {
		{"PATH", p->system_path}, {"HOME", p->home},
		{"USER", p->places.user_name}, {"LOGNAME", p->places.user_name},
		{"SHELL", "/bin/sh"}, {"TMPDIR", "/tmp"}, {"PWD", p->cwd},
	};
	int r = environment_allow_listed(&p->env);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed); i++)
		r = environment_set(&p->env, fixed[i].name, fixed[i].value);
	if (r == 0 && p->options.proxy)
		r = name_proxy(p);
	for (size_t i = 0; r == 0 && i < p->options.n_pass_env; i++) {
		const char *value = getenv(p->options.pass_env[i]);

		if (value)
			r = environment_set(&p->env, p->options.pass_env[i], value);
	}
	for (size_t i = 0; r == 0 && i < p->options.n_env; i++) {
		char name[256];
		size_t n = strcspn(p->options.env[i], "=");

		if (n >= sizeof(name))
			return error_say(err, -E2BIG, "run: --env: the name is too long");
		snprintf(name, sizeof(name), "%.*s", (int)n, p->options.env[i]);
		r = environment_set(&p->env, name, p->options.env[i] + n + 1);
	}
	return r < 0 ? error_set(err, r, "run: environment") : 0;
}

static int no_package(const struct prepared *p, struct appsilo_error *err)
{
	char shown[160];

	return error_say(err, -ENOPKG, "run: -p %s: no such package is installed; see appsilo list",
			 text_show(p->options.package, shown, sizeof(shown)));
}

static int find_identity(struct prepared *p, char *const *command, int *ret_exit_code,
			 struct appsilo_error *err)
{
	bool once = p->once || p->zygote;
	int r;

	environment_system_path(getenv("PATH"), p->system_path, sizeof(p->system_path));
	if (p->package.active &&
	    package_start_find(&p->package, command[0], p->system_path, &p->identity) == 0)
		return 0;
	r = identity_find(command[0], p->system_path, p->cwd, once, &p->identity, err);
	if (r == -ENOENT && !strchr(command[0], '/'))
		r = identity_find(command[0], getenv("PATH"), p->cwd, once, &p->identity, err);
	/* -p may also name the identity that the command has by itself. */
	if (p->options.package && !p->package.active && (r < 0 || strcmp(p->options.package, p->identity.family) != 0))
		return no_package(p, err);
	if (r == 0 && p->package.active)
		snprintf(p->identity.family, sizeof(p->identity.family), "%s",
			 p->package.package.identity.family);
	if (r == 0)
		return 0;
	*ret_exit_code = r == -EACCES ? 126 : 127;
	return r;
}

static int use_python(struct prepared *p, struct appsilo_error *err)
{
	size_t n = 0;

	while (p->options.command[n])
		n++;
	p->python_argv = calloc(n + 2, sizeof(*p->python_argv));
	if (!p->python_argv)
		return error_set(err, -ENOMEM, "run");
	p->python_argv[0] = (char *)"python3";
	memcpy(p->python_argv + 1, p->options.command, n * sizeof(*p->python_argv));
	p->options.command = p->python_argv;
	return 0;
}

/* A package brings words of its own; what it may not do, no word can give. */
static int use_package(struct prepared *p, char *const *words, struct appsilo_error *err)
{
	int r = package_start_load(&p->places, &p->options, words, &p->package, err);

	if (r <= 0)
		return r;
	r = run_options_parse(p->package.words, false, &p->options, err);
	if (r == 0)
		r = package_start_command(&p->package, &p->options, err);
	if (r < 0 || package_start_asks(&p->package))
		return r;
	if (p->options.prompt && strcmp(p->options.prompt, "never") != 0 && !p->options.quiet &&
	    !p->again)
		log_warning("%s does not declare " CAPABILITY_PROMPT ", so it never asks; "
			    "--prompt is ignored", p->package.package.identity.family);
	p->options.prompt = "never";
	return 0;
}

/* Where the plan finds things; some of them are filled in by prepare(). */
static void fill_plan(struct prepared *p)
{
	const struct run_options *o = &p->options;

	p->plan.exe = p->identity.exe;
	p->plan.package.path = p->package.active ? p->package.package.path : NULL;
	p->plan.argv = o->command;
	p->plan.envp = p->env.entries;
	p->plan.cwd = p->cwd;
	p->plan.home = p->home;
	p->plan.user_name = p->places.user_name;
	p->plan.uid = geteuid();
	p->plan.gid = getegid();
	p->plan.limits = (struct plan_limits){
		.memory_bytes = o->memory_bytes,
		.pids = o->pids,
		.cpu_time_ms = o->cpu_time_ms,
		.wall_time_ms = o->wall_time_ms,
		.file_size_bytes = o->file_size_bytes,
		.disk_bytes = o->disk_bytes,
	};
	for (int fd = 0; fd < 3; fd++)
		p->plan.tty[fd] = isatty(fd);
	p->plan.in_front = p->plan.tty[0] && p->plan.tty[1] && p->plan.tty[2] &&
			   pty_in_front(STDIN_FILENO);
}

/* At once: however the run ends from here on, the file never tells of the one before. @r is what went wrong
 * already. */
static int open_result(struct prepared *p, int r, struct appsilo_error *err)
{
	if (p->options.result)
		p->result_fd = result_open(p->options.result, r < 0 ? NULL : err);
	return r < 0 || !p->options.result || p->result_fd >= 0 ? r : p->result_fd;
}

int prepare_options(char *const *words, bool python, struct prepared *ret,
		    struct appsilo_error *err)
{
	int r;

	ret->plan.fuse_fd = ret->plan.control_fd = ret->plan.parent_fd = ret->plan.device_fd =
		ret->plan.tie_fd = ret->plan.tie_parent_fd = ret->plan.net_fd = ret->plan.net_judge_fd =
		ret->plan.net_program_fds[0] = ret->plan.net_program_fds[1] =
		ret->plan.package.tree_fd = ret->package.dir_fd = ret->idmap_fd = ret->result_fd =
		ret->plan.cgroup_keeper_fd = -EBADF;
	ret->plan.output = OUTPUT_PIPES_NONE;
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		ret->plan.cgroup_fds[i] = -EBADF;
	r = run_options_parse(words, python, &ret->options, err);
	if (ret->options.help)
		return r;
	r = open_result(ret, r, err);
	if (r < 0)
		return r;
	if (python)
		r = use_python(ret, err);
	if (r == 0 && ret->options.profile && python)
		r = error_say(err, -EINVAL, "python: --profile does not go with it; use appsilo profile start -- python3");
	if (r == 0 && ret->options.package && python)
		r = error_say(err, -EINVAL, "python: -p does not go with it; use appsilo run -p FAMILY");
	if (r == 0)
		r = check_standard_fds(err);
	if (r == 0)
		r = places_find(&ret->places, err);
	if (r == 0 && ret->options.package)
		r = use_package(ret, words, err);
	if (r == 0)
		fill_plan(ret);
	return r;
}

/* Ours, from whoever started us: no place in the sandbox leads to it. */
static void use_handed_on_program(struct prepared *p)
{
	environment_system_path(getenv("PATH"), p->system_path, sizeof(p->system_path));
	snprintf(p->identity.exe, sizeof(p->identity.exe), "%s", ZYGOTE_PROGRAM);
}

/* What own_ids() gave to the session's run before. */
static void take_profile_back(const struct prepared *p)
{
	cleanup_close int fd = -EBADF;
	char path[PATH_MAX];
	struct stat st;

	if (!p->once || geteuid() != 0 || places_profile_path(&p->places, p->identity.family, path) < 0)
		return;
	fd = k_openat2(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, K_RESOLVE_NO_SYMLINKS);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid != 0)
		(void)fchown(fd, 0, 0); /* or it is refused below */
}

static int make_profile(struct prepared *p, struct appsilo_error *err)
{
	int fd;

	take_profile_back(p);
	fd = places_open_profile(&p->places, p->identity.family, p->home, err);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* Its children cover it with a place of their own. */
static int use_private_home(struct prepared *p)
{
	snprintf(p->home, sizeof(p->home), "%s", ZYGOTE_HOME);
	return plan_add_placeholder(&p->plan, p->home, S_IFDIR | 0755, NULL);
}

int prepare(struct prepared *ret, int *ret_exit_code, struct appsilo_error *err)
{
	int r = 0;

	*ret_exit_code = 125;
	if (!ret->package.active && (!*ret->options.command || ret->options.app))
		r = no_package(ret, err);
	if (r == 0)
		r = find_cwd(ret, err);
	if (r == 0 && ret->zygote && strcmp(*ret->options.command, ZYGOTE_PROGRAM) == 0)
		use_handed_on_program(ret);
	else if (r == 0)
		r = find_identity(ret, ret->options.command, ret_exit_code, err);
	if (r < 0)
		return r;
	r = ret->zygote ? use_private_home(ret) : make_profile(ret, err);
	if (r < 0)
		return r;
	r = fill_environment(ret, err);
	if (r == 0)
		r = network_policy(&ret->options, &ret->network, err);
	return r;
}

static const char *option_name(int id)
{
	const struct option_row *row = run_option_table;

	while (row->name && row->id != id)
		row++;
	return row->name;
}

int prepare_rules(struct prepared *p, struct appsilo_error *err)
{
	for (size_t i = 0; i < p->options.n_rules; i++) {
		const struct run_path_rule *rule = &p->options.rules[i];
		enum view_kind kind = rule->kind == RUN_DENY	      ? VIEW_DENY
				      : rule->kind == RUN_ALLOW_WRITE ? VIEW_WRITE
				      : rule->kind == RUN_ALLOW_LIST  ? VIEW_LIST
								      : VIEW_READ;
		char path[PATH_MAX], shown[512];
		int r = places_resolve(rule->path, path);

		text_show(rule->path, shown, sizeof(shown));
		/* What is denied need not exist yet: it must not be made either. */
		if (r == 0 && rule->kind != RUN_DENY)
			return error_say(err, -ENOENT, "run: %s %s does not exist; only --deny may name what is not "
					 "there", option_name((int)rule->kind), shown);
		if (r >= 0 && rule->kind != RUN_DENY && places_is_made(path))
			return error_say(err, -EINVAL,
					 "run: cannot grant %s: a sandbox has its own /proc, /sys and /dev; "
					 "leave it out", shown);
		if (r >= 0)
			r = view_add(&p->view, path, kind);
		if (r < 0)
			return error_set(err, r, "run: rule for %s", shown);
	}
	return 0;
}

/* A server's run: its current directory and its profile are memory of its own, and are given to it; what it
 * may only read it reads with the rights of its user. Nothing else of the host's changes hands. */
static int own_ids(const struct prepared *p, const struct plan_mount *m, bool links)
{
	cleanup_close int fd = k_openat2(AT_FDCWD, m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
					 K_RESOLVE_NO_MAGICLINKS | (links ? 0 : K_RESOLVE_NO_SYMLINKS));
	bool own = strcmp(m->path, p->cwd) == 0 || strcmp(m->path, p->home) == 0;
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && m->kind == PLAN_WRITE)
		r = own ? idmap_give(fd, p->plan.uid, p->plan.gid) : -EINVAL;
	return r < 0 ? r : tree_clone(fd, "");
}

static int map_ids(const struct prepared *p, struct plan_mount *m, bool links, struct appsilo_error *err)
{
	m->tree_fd = idmap_clone(m->path, links, p->idmap_fd);
	if (m->tree_fd == -EINVAL && p->once)
		m->tree_fd = own_ids(p, m, links);
	if (m->tree_fd == -ELOOP)
		return error_say(err, -ELOOP, "grant: cannot open %s: a link took its place; remove "
				 "it or grant its target", m->path);
	if (m->tree_fd == -EINVAL)
		return error_say(err, -EINVAL, "run: the file system of %s cannot show root's files to an app (tmpfs can from "
				 "Linux 6.3 on); run it as another user", m->path);
	return m->tree_fd < 0 ? error_set(err, m->tree_fd, "run: map ids of %s", m->path) : 0;
}

int prepare_root_run(struct prepared *p, struct appsilo_error *err)
{
	unsigned int first, count;
	int r;

	if (geteuid() != 0)
		return 0;
	r = config_uid_range(&first, &count, err);
	if (r < 0)
		return r;
	/* One sandbox is one launcher is one pid: runs at the same time differ. */
	p->plan.uid = p->plan.gid = first + (unsigned int)getpid() % count;
	p->plan.change_ids = true;
	p->idmap_fd = idmap_open(p->plan.uid, p->plan.gid);
	if (p->idmap_fd < 0)
		return launch_explain(p->idmap_fd, err);
	r = p->plan.package.path ? map_ids(p, &p->plan.package, true, err) : 0;
	for (size_t i = 0; r == 0 && i < p->plan.n_mounts; i++)
		r = map_ids(p, &p->plan.mounts[i], strcmp(p->plan.mounts[i].path, p->home) == 0, err);
	return r;
}
