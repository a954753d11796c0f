/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo: the front. `run` and `python` start here, in a small static program; every
 * other command is appsilo-tool's. docs/ARCHITECTURE.md, Programs.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/text.h"
#include "cli/broker_start.h"
#include "cli/handoff.h"
#include "cli/run_limits.h"
#include "cli/net_judge.h"
#include "cli/net_start.h"
#include "cli/prepare.h"
#include "cli/programs.h"
#include "cli/result.h"
#include "cli/server_record.h"
#include "cli/stored.h"
#include "consent/runs.h"
#include "isolation/control.h"
#include "isolation/launch.h"
#include "isolation/monitor.h"
#include "isolation/zygote.h"
#include "package/stamps.h"
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define STACK_BYTES (56 * 1024)

/* Found out when init has begun: a broker that asks nobody is to be there. */
#define NEEDS_BROKER (-ERESTART)
#define BROKER_VARIABLE "APPSILO_BROKER"
#define BROKER_NEVER "never"
#define BROKER_ALWAYS "always"
#define BROKER_HOSTS "hosts" /* always, and a stored rule opens a host */

static int complain(struct appsilo_error *err, int exit_code)
{
	if (err->code == -ENOSYS)
		error_advise_doctor(err);
	log_error("%s", err->line);
	return exit_code;
}

/* Nor is an old result left. */
static int fail(const struct prepared *p, struct appsilo_error *err, int exit_code)
{
	(void)complain(err, exit_code);
	result_write_failure(p->result_fd, exit_code, p->identity.family, err);
	return exit_code;
}

static bool broker_is(const char *word)
{
	const char *value = getenv(BROKER_VARIABLE);

	return value && strcmp(value, word) == 0;
}

/* Where there is none, what is on the way to something refused cannot be changed. */
static bool can_have_broker(const struct prepared *p)
{
	return !p->once && !broker_is(BROKER_NEVER) && access("/dev/fuse", R_OK | W_OK) == 0;
}

static int server_view(struct prepared *p, struct appsilo_error *err)
{
	struct protection protection;
	int r = stored_rules(p, &protection, err);

	if (r == 0)
		r = prepare_rules(p, err);
	if (r == 0 && view_needs_place(p->cwd))
		r = view_add(&p->view, p->cwd, VIEW_CWD);
	if (r == 0 && can_have_broker(p) && view_needs_broker(&p->view))
		return NEEDS_BROKER;
	p->view.hidden = p->options.metadata_hidden;
	if (r == 0)
		r = view_plan(&p->view, &p->plan, err);
	return r == 0 ? plan_add_made_cwd(&p->plan, p->cwd) : r;
}

static void monitor_setup(const struct prepared *p, const struct limits *limits, struct monitor *m)
{
	m->broken_fd = m->control_fd = m->signal_fd = m->init_pidfd = -EBADF;
	m->leave_early = true;
	m->wall_time_ms = p->plan.limits.wall_time_ms;
	m->cpu_time_ms = p->options.cpu_time_ms;
	m->meter = limits->meter;
	output_init(&m->output, p->plan.output.our_fds, p->options.output_bytes);
	memcpy(m->tty, p->plan.tty, sizeof(m->tty));
}

static void close_monitor(struct monitor **m)
{
	monitor_done(*m);
}

/* The package is looked at while init builds the root. Without the word nothing of it runs:
 * init ends with us. */
static int let_package_go(const struct prepared *p, int control_fd, struct appsilo_error *err)
{
	struct control_message go = {.kind = CONTROL_GO};
	int r = stamps_check(p->package.dir_fd, p->package.package.path, err);

	/* Init is gone: the monitor sees it, and why. */
	if (r == 0)
		(void)!fd_send(control_fd, &go, sizeof(go), NULL, 0);
	return r;
}

/* Only what the words alone say is known; the rest is found out while init builds what every
 * sandbox has. A package's files and a root run's mounts init must have from the start. */
static bool can_start_early(const struct prepared *p)
{
	return !p->package.active && geteuid() != 0;
}

static int complete_view(struct prepared *p, int *ret_exit_code, struct appsilo_error *err)
{
	int r = prepare(p, ret_exit_code, err);

	if (r == 0)
		r = server_view(p, err);
	if (r == 0)
		p->plan.n_loopback =
			net_policy_loopback(p->network, p->plan.loopback, NET_LOOPBACK_MAX);
	return r;
}

static int start_init(struct prepared *p, struct monitor *m, pid_t *ret_pid,
		      struct appsilo_error *err)
{
	int pair[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || monitor_init(m) < 0)
		return error_set(err, -errno, "run: set up");
	m->control_fd = pair[0];
	p->plan.control_fd = pair[1];
	p->plan.parent_fd = pair[0];
	p->plan.wait_for_go = p->package.active;
	r = launch_init(&p->plan, ret_pid, &m->init_pidfd, err);
	close(pair[1]);
	return r;
}

/* The network, where there is to be one: init waits for it, and we answer its questions. */
static int start_network(struct prepared *p, struct net_judge *judge, struct monitor *m,
			 struct appsilo_error *err)
{
	int r = net_start(&p->options, &p->plan, err);

	return r < 0 ? r : net_judge_start(judge, &p->plan, m, err);
}

/* Hosts are decided about here, and recorded; files by the kernel. */
static int open_recorder(const struct prepared *p, struct net_judge *judge, struct appsilo_error *err)
{
	if (judge->fd < 0 && !p->options.audit)
		return 0;
	return recorder_open(p->once ? NULL : p->places.data_dir, p->options.audit, p->identity.family,
			     p->identity.app, &judge->recorder, err);
}

/* The plan lies in memory that init shares; a descriptor that is newer than init has to be sent. */
static int tell_complete(int control_fd, int net_fd)
{
	return fd_send(control_fd, "", 1, &net_fd, net_fd >= 0);
}

/* It waits for a word that will not come, in memory that is ours. */
static void end_init(pid_t init_pid)
{
	if (init_pid <= 0)
		return;
	kill(init_pid, SIGKILL);
	(void)waitpid(init_pid, NULL, 0);
}

static int run_alone(struct prepared *p, struct net_judge *judge, struct monitor_outcome *ret,
		     int *ret_exit_code, struct appsilo_error *err)
{
	static struct monitor monitor; /* large; zeroed */
	cleanup(limits_endp) struct limits limits = LIMITS_NONE;
	cleanup(close_monitor) struct monitor *m = &monitor;
	bool early = can_start_early(p);
	pid_t init_pid = 0;
	int r, late_fd = -EBADF;

	r = limits_start(p, &limits, err);
	monitor_setup(p, &limits, m);
	if (r == 0 && !early)
		r = complete_view(p, ret_exit_code, err);
	if (r == 0)
		r = prepare_root_run(p, err);
	if (r < 0)
		return r;
	p->plan.partial = early;
	if (network_wanted(&p->options) || p->host_granted)
		r = start_network(p, judge, m, err);
	if (r == 0 && !early)
		r = open_recorder(p, judge, err);
	if (r == 0)
		r = start_init(p, m, &init_pid, err);
	limits_launched(p);
	if (r == 0 && early)
		r = complete_view(p, ret_exit_code, err);
	/* Only a stored rule opens a host. */
	if (r == 0 && early && p->host_granted && judge->fd < 0) {
		r = start_network(p, judge, m, err);
		late_fd = p->plan.net_fd;
	}
	if (r == 0 && early)
		r = open_recorder(p, judge, err);
	/* Init is gone: the monitor sees it, and why. */
	if (r == 0 && early && (r = tell_complete(m->control_fd, late_fd)) < 0 && r != -EPIPE)
		return error_set(err, r, "run: hand the plan over");
	close_keep_errno(TAKE_FD(p->plan.net_fd)); /* init has its own */
	judge->policy = p->network;
	judge->init_pid = init_pid;
	if (r == 0 && p->package.active)
		r = let_package_go(p, m->control_fd, err);
	if (r < 0 && r != -EPIPE) {
		end_init(init_pid);
		(void)sigprocmask(SIG_SETMASK, &m->old_mask, NULL);
		return r;
	}
	monitor_run(m, ret);
	(void)waitpid(init_pid, NULL, WNOHANG); /* what is left of it ends without us */
	return 0;
}

/* From the beginning, in fresh memory; what was begun ends with its descriptors. */
static int start_again(const struct prepared *p, char **argv, struct appsilo_error *err)
{
	char path[PATH_MAX];
	int r = programs_self(path, err);

	if (r < 0)
		return r;
	if (setenv(BROKER_VARIABLE, p->host_granted ? BROKER_HOSTS : BROKER_ALWAYS, 1) == 0)
		execv(path, argv);
	return error_set(err, -errno, "run: start again with a broker");
}

/* Server mode: no broker process stays in the path. */
static int run_server_mode(struct prepared *p, char **argv)
{
	struct appsilo_error err = {0};
	struct monitor_outcome outcome = {0};
	struct result_counts counts = {0};
	static struct net_judge judge = {.fd = -EBADF, .bytes_fd = -EBADF}; /* its thread may outlive us */
	char run_id[RUNS_ID_MAX];
	int64_t began_ms = clock_realtime_ms();
	int r, exit_code = 125;

	r = run_alone(p, &judge, &outcome, &exit_code, &err);
	if (r == NEEDS_BROKER)
		r = start_again(p, argv, &err);
	if (r < 0)
		return fail(p, &err, exit_code);
	if (outcome.text[0])
		log_error("%s", outcome.text);
	net_judge_finish(&judge);
	counts.allowed = judge.allowed;
	counts.denied = judge.denied;
	counts.network = &judge.account;
	server_record(p, &outcome, &judge.recorder, run_id);
	if (p->stored)
		used_mark_run(p->places.data_dir, p->identity.family, began_ms);
	if (p->result_fd >= 0 && result_write(p->result_fd, &outcome, p->identity.family,
					   run_id[0] ? run_id : NULL, &counts, &err) < 0)
		return complain(&err, 125);
	return outcome.exit_code;
}

/* `appsilo zygote OPTIONS -- PROGRAM...`, started by a pool (server/pool.h): server mode for a
 * program of ours that makes the sandboxes. It ends with the thread that started it. */
static int run_zygote(char **words)
{
	static struct prepared p; /* large; zeroed */
	const struct limits none = LIMITS_NONE;
	struct appsilo_error err = {0};
	struct monitor_outcome outcome = {0};
	cleanup(close_monitor) struct monitor *m = calloc(1, sizeof(*m));
	int exit_code = 125;
	pid_t init_pid = 0;
	int r = m ? prepare_options(words, false, &p, &err) : error_set(&err, -ENOMEM, "zygote");

	if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		r = error_set(&err, -errno, "zygote: parent death signal");
	if (r == 0) {
		p.zygote = p.plan.nest = true;
		p.plan.n_handed_on = ZYGOTE_PROGRAM_FD - ZYGOTE_FD + 1;
		p.options.cwd = "/";
		monitor_setup(&p, &none, m);
		r = prepare(&p, &exit_code, &err);
	}
	if (r == 0)
		r = prepare_root_run(&p, &err);
	if (r == 0)
		r = start_init(&p, m, &init_pid, &err);
	if (r == 0 && p.package.active)
		r = let_package_go(&p, m->control_fd, &err);
	if (r < 0)
		return complain(&err, exit_code);
	monitor_run(m, &outcome);
	if (outcome.text[0])
		log_error("%s", outcome.text);
	return outcome.exit_code;
}

struct asking {
	struct prepared *prepared;
	char **argv;
};

/* What goes wrong here is the broker's to say. */
static int build(struct builder *builder)
{
	struct asking *a = builder->data;
	struct appsilo_error err = {0};
	int exit_code, r = prepare(a->prepared, &exit_code, &err);

	if (r == 0) {
		r = broker_build(a->prepared, a->argv, builder->socket_fd, &err);
		exit_code = r == -ENOEXEC ? 126 : 125;
	}
	if (err.code == -ENOSYS)
		error_advise_doctor(&err);
	handoff_send_failure(builder->socket_fd, exit_code, &err);
	return exit_code;
}

static int run_asking(struct prepared *p, char **argv)
{
	struct appsilo_error err = {0};
	struct asking a = {p, argv};
	struct builder builder = {.run = build, .data = &a};

	(void)!broker_split(p, argv, &builder, &err);
	return fail(p, &err, 125);
}

/* `appsilo once OPTIONS -- PROGRAM...` is how a server starts a run: server mode, with a data directory
 * for this run alone. As an ordinary user the server is in a user namespace, where root's files
 * look like anybody's, so that a digest of the program would be taken each time. */
static int run(char **argv, bool python)
{
	static struct prepared p; /* large; zeroed */
	struct appsilo_error err = {0};
	int r;

	pages_populate(&p, sizeof(p));
	pages_populate_stack(STACK_BYTES);
	p.host_granted = broker_is(BROKER_HOSTS);
	p.again = p.host_granted || broker_is(BROKER_ALWAYS);
	if (prepare_options(argv + 2, python, &p, &err) < 0) {
		r = fail(&p, &err, 125);
	} else if (p.options.help) {
		r = programs_exec_tool((char *[]){argv[0], (char *)"help", argv[1], NULL}, &err);
		return complain(&err, r);
	} else if (strcmp(argv[1], "once") == 0) {
		p.once = true;
		r = run_server_mode(&p, argv);
	} else if (run_needs_broker(&p.options) || p.again) {
		r = run_asking(&p, argv);
	} else {
		r = run_server_mode(&p, argv);
	}
	_exit(r); /* the kernel frees memory faster than we could */
}

/* Started through an alias file. */
static int run_alias(int argc, char **argv)
{
	struct appsilo_error err = {0};
	char family[PACKAGE_FAMILY_SIZE];
	char **words = calloc((size_t)argc + 8, sizeof(*words));

	if (!words)
		error_set(&err, -ENOMEM, "run");
	else if (package_start_alias(argc, argv, family, words, &err) == 0)
		return run(words, false);
	return complain(&err, 125);
}

int main(int argc, char **argv)
{
	struct appsilo_error err = {0};

	if (getenv("APPSILO_DEBUG"))
		log_setup(LOG_LEVEL_DEBUG, STDERR_FILENO);
	if (argc > 1 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "python") == 0 || strcmp(argv[1], "once") == 0))
		return run(argv, argv[1][0] == 'p');
	if (argc > 1 && strcmp(argv[1], "zygote") == 0)
		_exit(run_zygote(argv + 2));
	if (argc > 1 && strncmp(argv[1], "--alias=", 8) == 0)
		return run_alias(argc, argv);
	if (argc > 1 && (strcmp(argv[1], "serve") == 0 || strcmp(argv[1], "mcp") == 0))
		return complain(&err, programs_exec("appsilo-server", argv, &err));
	return complain(&err, programs_exec_tool(argv, &err));
}
