/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/broker_start.h"

#include "base/dir.h"
#include "base/path.h"
#include "base/pin.h"
#include "broker/helper.h"
#include "cli/display.h"
#include "cli/handoff.h"
#include "cli/run_limits.h"
#include "cli/net_start.h"
#include "cli/programs.h"
#include "cli/stacks_start.h"
#include "isolation/close_others.h"
#include "isolation/kernel.h"
#include "isolation/launch.h"
#include "package/stamps.h"
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define BUILDER_STACK_BYTES (1024 * 1024)
#define GUARD_BYTES 4096
#define LINKS_MAX 40

static int enter_outer(const struct prepared *p, struct appsilo_error *err)
{
	if (geteuid() != 0)
		return launch_enter_outer(p->plan.uid, p->plan.gid, err);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_set(err, -errno, "run: own mount namespace");
	return 0;
}

/* The kernel wants /dev/fuse to be opened in the user namespace that mounts it. */
static int mount_fuse(int *ret_device_fd, int *ret_mount_fd, struct appsilo_error *err)
{
	cleanup_close int device_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	cleanup_close int fs_fd = -EBADF;
	char fd_word[16], uid[16], gid[16];
	int mount_fd;

	if (device_fd < 0 && (errno == EACCES || errno == EPERM))
		return error_say(err, -errno,
				 "run: /dev/fuse is not open to you; run chmod 666 /dev/fuse as root "
				 "(make setup does), or use --prompt never");
	if (device_fd < 0)
		return error_set(err, -errno,
				 "run: /dev/fuse (modprobe fuse, or use --prompt never)");
	fs_fd = k_fsopen("fuse");
	if (fs_fd < 0 && errno == ENOSYS)
		return error_set(err, -errno, "run: mount FUSE (Linux 5.2)");
	if (fs_fd < 0)
		return error_set(err, -errno, "run: this kernel has no FUSE; use --prompt never");
	snprintf(fd_word, sizeof(fd_word), "%d", device_fd);
	snprintf(uid, sizeof(uid), "%u", geteuid());
	snprintf(gid, sizeof(gid), "%u", getegid());
	if (k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "fd", fd_word, 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "rootmode", "40000", 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "user_id", uid, 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "group_id", gid, 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_FLAG, "allow_other", NULL, 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_SET_STRING, "source", "appsilo", 0) < 0 ||
	    k_fsconfig(fs_fd, K_FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return error_set(err, -errno, "run: configure the FUSE mount");
	mount_fd = k_fsmount(fs_fd, K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV);
	if (mount_fd < 0)
		return error_set(err, -errno, "run: mount FUSE");
	*ret_device_fd = TAKE_FD(device_fd);
	*ret_mount_fd = mount_fd;
	return 0;
}

static int add_brokered(struct plan *plan, const char *path)
{
	const char **bigger = reallocarray(plan->brokered, plan->n_brokered + 1, sizeof(path));
	const char *copy = strdup(path);

	if (bigger)
		plan->brokered = bigger;
	if (!bigger || !copy) {
		free((void *)copy);
		return -ENOMEM;
	}
	plan->brokered[plan->n_brokered++] = copy;
	return 0;
}

/* Everything in the host's root that the sandbox does not make up. */
static int broker_name(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct plan *plan = data;
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	if (path_join("/", name, path, sizeof(path)) < 0 || view_is_virtual(path))
		return 0;
	if (type != DT_LNK)
		return add_brokered(plan, path);
	n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	if (n < 0)
		return 0;
	target[n] = '\0';
	return plan_add_placeholder(plan, path, 0, target);
}

/* The first link on the way of @path, if there is one, and where it leads. */
static bool first_link(const char *path, char ret[PATH_MAX], char ret_target[PATH_MAX])
{
	ssize_t length = -1;

	for (size_t n = 0; path[n] && length < 0;) {
		n += 1 + strcspn(path + n + 1, "/");
		snprintf(ret, PATH_MAX, "%.*s", (int)n, path);
		length = readlink(ret, ret_target, PATH_MAX - 1);
	}
	if (length >= 0)
		ret_target[length] = '\0';
	return length >= 0;
}

/* What @given, below a private place, names; the links on the way to it as they are. */
static int broker_below_private(struct plan *plan, const char *given)
{
	char path[PATH_MAX], link[PATH_MAX], target[PATH_MAX], rest[PATH_MAX];
	int r;

	snprintf(path, sizeof(path), "%s", given);
	for (int i = 0; i < LINKS_MAX && view_is_private(path); i++) {
		if (!first_link(path, link, target))
			return add_brokered(plan, path);
		r = plan_add_placeholder(plan, link, 0, target);
		if (r < 0)
			return r;
		snprintf(rest, sizeof(rest), "%s", path + strlen(link));
		link[path_parent_length(link, strlen(link))] = '\0';
		if (strlen(target) + strlen(rest) >= sizeof(target))
			return 0;
		if (path_clean(link, strcat(target, rest), path, sizeof(path)) < 0)
			return 0;
	}
	return 0;
}

/* A current directory, rule or argument below a private place shows up there, and only it. */
static int broker_private(struct prepared *p)
{
	char path[PATH_MAX];
	int r = broker_below_private(&p->plan, p->cwd);

	for (size_t i = 0; r == 0 && i < p->view.n; i++)
		r = broker_below_private(&p->plan, p->view.entries[i].path);
	/* Also by the name that was given. */
	for (size_t i = 0; r == 0 && i < p->options.n_rules; i++)
		if (path_clean("/", p->options.rules[i].path, path, sizeof(path)) == 0 &&
		    *p->options.rules[i].path == '/')
			r = broker_below_private(&p->plan, path);
	for (char *const *word = p->plan.argv; r == 0 && *word; word++)
		if (path_clean(p->cwd, *word, path, sizeof(path)) == 0 && view_is_private(path) &&
		    access(path, F_OK) == 0)
			r = broker_below_private(&p->plan, path);
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Parents first; what lies below another brokered place is there already. */
static void tidy_brokered(struct plan *plan)
{
	size_t kept = 0;

	qsort(plan->brokered, plan->n_brokered, sizeof(*plan->brokered), by_text);
	for (size_t i = 0; i < plan->n_brokered; i++) {
		const char *path = plan->brokered[i];
		bool whole = strcmp(path, "/tmp") == 0 || strcmp(path, "/run") == 0 ||
			     strcmp(path, "/var/tmp") == 0 || strcmp(path, "/dev/shm") == 0;

		if (!whole && !(kept && path_is_under(path, plan->brokered[kept - 1]) &&
				!view_is_private(path)) &&
		    !(kept && view_is_private(plan->brokered[kept - 1]) &&
		      path_is_under(path, plan->brokered[kept - 1])))
			plan->brokered[kept++] = path;
	}
	plan->n_brokered = kept;
}

struct exec {
	char program[PATH_MAX];
	char **words;
	struct environment env;
	char socket[16], result[16];
};

/* For the broker, the helper and the prompters it starts: nothing of the caller's loader or
 * interpreter settings (CVE-2021-21261). */
static int fixed_environment(const struct prepared *p, struct environment *env)
{
	static const char *const passed[] = {"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
					     "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS",
					     "XDG_DATA_HOME", "APPSILO_DEBUG", "APPSILO_ATTACH", NULL};
	char path[PATH_MAX];
	int r = environment_allow_listed(env);

	environment_system_path(getenv("PATH"), path, sizeof(path));
	if (r == 0)
		r = environment_set(env, "PATH", path);
	if (r == 0)
		r = environment_set(env, "HOME", p->places.home);
	if (r == 0)
		r = environment_set(env, "USER", p->places.user_name);
	for (size_t i = 0; r == 0 && passed[i]; i++)
		if (getenv(passed[i]))
			r = environment_set(env, passed[i], getenv(passed[i]));
	return r;
}

static int plan_exec(struct exec *x, const struct prepared *p, int socket_fd, char *const *argv)
{
	size_t n = 0;
	int r = fixed_environment(p, &x->env);

	while (argv[n])
		n++;
	x->words = calloc(n + 4, sizeof(*x->words));
	if (r < 0 || !x->words)
		return r < 0 ? r : -ENOMEM;
	snprintf(x->socket, sizeof(x->socket), "%d", socket_fd);
	snprintf(x->result, sizeof(x->result), "%d", p->result_fd);
	x->words[0] = x->program;
	x->words[1] = x->socket;
	x->words[2] = x->result;
	/* Not read: they show in ps whose broker it is. */
	memcpy(x->words + 3, argv, n * sizeof(*x->words));
	return 0;
}

static int run_builder(void *data)
{
	struct builder *builder = data;
	sigset_t all;

	close(builder->broker_fd);
	while (!atomic_load(&builder->placed))
		if (getppid() != builder->front) /* it died before that */
			_exit(125);
	(void)sched_setaffinity(0, sizeof(builder->processors), &builder->processors);
	/* The keyboard's signals are the broker's business. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	_exit(builder->run(builder));
}

/* The builder shares our memory until we exec, which we do at once and without touching it:
 * no page is copied, on either side. */
static pid_t start_builder(struct builder *builder)
{
	pid_t pid;
	char *stack = mmap(NULL, BUILDER_STACK_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE) < 0)
		return -1;
	builder->front = getpid();
	if (sched_getaffinity(0, sizeof(builder->processors), &builder->processors) < 0)
		return -1;
	pid = clone(run_builder, stack + BUILDER_STACK_BYTES, CLONE_VM | SIGCHLD, builder);
	if (pid > 0)
		pin_elsewhere(pid, &builder->processors);
	atomic_store(&builder->placed, true);
	return pid;
}

int broker_split(const struct prepared *p, char *const *argv, struct builder *builder,
		 struct appsilo_error *err)
{
	static struct exec x; /* large; outlives this frame in the builder's memory */
	int pair[2];
	pid_t pid;
	int r = programs_find("appsilo-broker", x.program, err);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "run: socket to the builder");
	builder->broker_fd = pair[0];
	builder->socket_fd = pair[1];
	r = plan_exec(&x, p, pair[0], argv);
	if (r < 0)
		return error_set(err, r, "run: start the broker");
	pid = start_builder(builder);
	if (pid < 0)
		return error_set(err, -errno, "run: start the builder");
	(void)fcntl(pair[0], F_SETFD, 0);
	(void)!fcntl(p->result_fd, F_SETFD, 0); /* if there is one */
	execve(x.program, x.words, x.env.entries);
	r = error_set(err, -errno, "run: start %s", x.program);
	kill(pid, SIGKILL);
	return r;
}

static int plan_view(struct prepared *p, struct appsilo_error *err)
{
	int r = prepare_rules(p, err);

	if (r == 0)
		r = dir_each("/", broker_name, &p->plan);
	if (r == 0)
		r = broker_private(p);
	if (r == 0)
		r = plan_add_made_cwd(&p->plan, p->cwd);
	if (r == 0)
		r = plan_add_mount(&p->plan, p->home, PLAN_WRITE);
	if (r == 0)
		r = prepare_root_run(p, err);
	if (r < 0)
		return err->line[0] ? r : error_set(err, r, "run: plan the file view");
	tidy_brokered(&p->plan);
	return 0;
}

static int open_namespaces(struct handoff *h, struct appsilo_error *err)
{
	h->fds[HANDOFF_MOUNT_NS] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (geteuid() != 0 || h->fds[HANDOFF_MOUNT_NS] < 0)
		h->fds[HANDOFF_USER_NS] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	if (h->fds[HANDOFF_MOUNT_NS] < 0 || (geteuid() != 0 && h->fds[HANDOFF_USER_NS] < 0))
		return error_set(err, -errno, "run: /proc/self/ns");
	return 0;
}

static int start_init(struct prepared *p, struct handoff *h, struct appsilo_error *err)
{
	int pair[2], tie[2];
	int r;

	h->fds[HANDOFF_WATCH] = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (h->fds[HANDOFF_WATCH] < 0)
		return error_set(err, -errno, "run: inotify (fs.inotify.max_user_instances?)");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "run: control socket");
	if (pipe2(tie, O_CLOEXEC) < 0)
		return error_set(err, -errno, "run: pipe to init");
	h->fds[HANDOFF_CONTROL] = pair[0];
	p->plan.tie_fd = tie[0];
	p->plan.tie_parent_fd = tie[1];
	h->start_cpu = sched_getcpu();
	p->plan.control_fd = pair[1];
	p->plan.parent_fd = pair[0];
	p->plan.device_fd = h->fds[HANDOFF_FUSE];
	p->plan.start_cpu = h->start_cpu;
	p->plan.wait_for_go = true;
	h->app_uid = p->plan.uid;
	r = launch_init(&p->plan, &h->init_pid, &h->fds[HANDOFF_INIT], err);
	close(pair[1]);
	close(tie[0]);
	/* While init builds the root; it starts nothing before the broker says so. */
	if (r == 0 && p->package.active)
		r = stamps_check(p->package.dir_fd, p->package.package.path, err);
	return r;
}

/* While it loads, the sandbox is built. Where no word opens a host, but one may be asked about,
 * the run does not hang on it, and H starts it when something wants to go out; but not in a root
 * run, where H has no right to give it the app's uid. */
static int start_network(struct prepared *p, struct handoff *h, struct net_program *ret_later,
			 struct appsilo_error *err)
{
	bool wanted = network_wanted(&p->options) || p->host_granted;
	int r = 0;

	if (wanted || (network_asks(&p->options) && p->plan.change_ids))
		r = net_start(&p->options, &p->plan, err);
	else if (network_asks(&p->options) &&
		 net_prepare(&p->options, &p->plan, ret_later, err) < 0)
		net_program_close(ret_later);
	p->plan.net_program_fds[0] = ret_later->init_fd;
	p->plan.net_program_fds[1] = ret_later->judge_fd;
	p->plan.net_optional = !wanted;
	h->fds[HANDOFF_NET] = p->plan.net_judge_fd;
	return wanted ? r : 0;
}

/* Before the handoff: with the broker's word to go on, init closes itself to us. An init that has
 * ended by now has no namespace; why it ended is in the control socket, for the broker to say. */
static int open_sandbox(pid_t init_pid, int *ret_fd, struct appsilo_error *err)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)init_pid);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 && errno != ENOENT ? error_set(err, -errno, "run: %s", path) : 0;
}

/* Where a display is, and unless another prompter was named. Only a wish for it is worth failing;
 * and root's programs, which anybody's display could show, must be told to use it. */
static int find_window(const char *prompt, char ret[PATH_MAX], struct appsilo_error *err)
{
	bool wanted = prompt && strcmp(prompt, "gui") == 0;
	struct appsilo_error why = {0};

	*ret = '\0';
	if (!wanted && (prompt || geteuid() == 0))
		return 0;
	if (!display_is_there())
		return wanted ? error_say(err, -ENOTTY, "run: --prompt gui: there is no display (WAYLAND_DISPLAY, "
							"DISPLAY); use tty")
			      : 0;
	if (programs_find("appsilo-ui", ret, &why) == 0)
		return 0;
	*ret = '\0';
	return wanted ? error_say(err, -ENOENT, "run: --prompt gui: the prompt window (appsilo-ui) is not "
						"installed; use tty")
		      : 0;
}

/* The builder becomes H, which ends when the broker's end of the socket does: with the last
 * of its threads, so that what takes long to take down (the mount namespace, inotify) goes
 * with H and the broker's exit does not wait for it. /dev/fuse is not kept: H may itself wait
 * for the brokered view, and only its closing ends that when the broker is killed. */
static void become_helper(const struct handoff *h, const struct helper_config *config,
			  const struct prepared *p)
{
	int keep[] = {config->socket_fd, config->sandbox_ns_fd, config->view_fd, config->idmap_fd,
		      h->fds[HANDOFF_WATCH], p->plan.tie_parent_fd, p->plan.cgroup_keeper_fd, config->network.program_fd,
		      config->network.init_fd, config->network.judge_fd};

	/* Nothing of the sandbox may stay open in H: init watches for the broker's end. */
	close_others(keep, ARRAY_SIZE(keep));
	helper_run(config);
}

int broker_build(struct prepared *p, char *const *argv, int socket_fd, struct appsilo_error *err)
{
	struct limits limits = LIMITS_NONE;
	static char window[PATH_MAX];
	const char *signer = p->package.active ? record_get(&p->package.record, "signer") : NULL;
	struct handoff h = {.fds = {[0 ... HANDOFF_FDS - 1] = -EBADF},
			    .facts = {p->identity.family, p->identity.app, p->identity.real, p->cwd,
				      p->home, p->package.active ? p->package.package.path : "",
				      signer ? signer : "", window,
				      p->options.prompt ? p->options.prompt : ""},
			    .words = p->package.active ? p->package.words : argv + 2};
	static struct environment env; /* large */
	const char *prompt = p->options.prompt;
	struct helper_config helper = {
		.socket_fd = socket_fd,
		.sandbox_ns_fd = -EBADF,
		.command = prompt && strncmp(prompt, "exec:", 5) == 0 ? prompt + 5 : NULL,
		.envp = env.entries,
		.network = NET_PROGRAM_NONE};
	int r = fixed_environment(p, &env);

	if (r == 0)
		r = find_window(prompt, window, err);
	helper.window = *window ? window : NULL;
	if (r == 0)
		r = plan_view(p, err);
	if (r == 0)
		r = start_network(p, &h, &helper.network, err);
	if (r == 0 && p->options.profile_stacks)
		r = stacks_start(&p->plan, &h.fds[HANDOFF_STACKS], err);
	/* Before the user namespace: a cgroup asks who we are outside. */
	if (r == 0)
		r = limits_start(p, &limits, err);
	if (r == 0)
		r = enter_outer(p, err);
	if (r == 0)
		r = open_namespaces(&h, err);
	if (r == 0)
		r = mount_fuse(&h.fds[HANDOFF_FUSE], &p->plan.fuse_fd, err);
	if (r == 0 && k_device(p->plan.fuse_fd, &h.view_dev) < 0)
		r = error_set(err, -errno, "run: the brokered view");
	if (r == 0)
		r = start_init(p, &h, err);
	limits_launched(p);
	memcpy(&h.fds[HANDOFF_OUTPUT], p->plan.output.our_fds, sizeof(p->plan.output.our_fds));
	memcpy(&h.fds[HANDOFF_METER], limits.meter.fds, sizeof(limits.meter.fds));
	if (r == 0)
		r = open_sandbox(h.init_pid, &helper.sandbox_ns_fd, err);
	helper.idmap_fd = p->idmap_fd;
	helper.view_fd = p->plan.fuse_fd;
	helper.app_uid = p->plan.uid;
	if (r == 0 && (r = handoff_send(socket_fd, &h)) < 0)
		error_set(err, r, "run: hand over to the broker");
	if (r == 0)
		become_helper(&h, &helper, p);
	return r;
}
