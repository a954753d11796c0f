/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo-broker: the front's second half of a prompting run, in the same process (the
 * front executes it in its own place). Not for people; docs/ARCHITECTURE.md, Processes.
 */
#include "base/fd.h"
#include "base/log.h"
#include "base/pages.h"
#include "base/path.h"
#include "base/thread.h"
#include "broker/attach.h"
#include "broker/fs/bfs.h"
#include "broker/gate_new.h"
#include "broker/network.h"
#include "broker/notify.h"
#include "cli/broker_enter.h"
#include "cli/handoff.h"
#include "cli/network.h"
#include "cli/places.h"
#include "cli/result.h"
#include "cli/store_watch.h"
#include "cli/run_options.h"
#include "cli/view.h"
#include "consent/host_rules.h"
#include "isolation/confine.h"
#include "isolation/guard.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define STACK_BYTES (96 * 1024)

struct broker {
	int helper_fd; /* the socket to the builder, which becomes the attach helper */
	struct handoff handoff;
	struct store_watch watch;
	struct run_options options;
	struct places places;
	struct consent_store *store;
	struct session_rules *session;
	struct net_policy *network;
	struct network *net; /* NULL: none is served */
	struct decider decider;
	struct recorder *recorder;
	struct attempts *attempts; /* NULL: not profiled */
	struct gate *gate;
	struct attach *attach;
	struct carry *carry; /* NULL: no network */
	struct bfs *bfs;
	struct monitor monitor;
	int result_fd;
	struct terminal_hooks hooks;
	struct attach_start start[CONTROL_ATTACH_MAX];
	size_t n_start, n_shown;
	bool wait_for_cwd; /* init waits for our word */
	bool report;	   /* calls of the app that write are reported */
};

static int complain(struct appsilo_error *err, int exit_code)
{
	if (err->code == -ENOSYS)
		error_advise_doctor(err);
	log_error("%s", err->line);
	return exit_code;
}

static int fail(const struct broker *b, struct appsilo_error *err, int exit_code)
{
	(void)complain(err, exit_code);
	result_write_failure(b->result_fd, exit_code, b->handoff.facts[HANDOFF_FAMILY], err);
	return exit_code;
}

static void take_terminal(void *data)
{
	pty_take(&((struct broker *)data)->monitor.pty);
}

static void release_terminal(void *data)
{
	pty_release(&((struct broker *)data)->monitor.pty);
}

/* Ctrl-C at a question. Without a terminal of its own, the program and whatever shares its
 * job get the signal the terminal would have sent. */
static void interrupt_app(void *data, char key)
{
	if (!pty_type(&((struct broker *)data)->monitor.pty, key))
		kill(0, key == 3 ? SIGINT : SIGQUIT);
}

static struct prompter *make_prompter(void *data)
{
	struct broker *b = data;
	const char *how = b->options.prompt;
	int tty_fd;

	if (!run_asks(&b->options))
		return NULL;
	if (how && strncmp(how, "exec:", 5) == 0)
		return prompter_exec_new(how + 5, attach_spawn, b->attach, PROMPT_TIMEOUT_MS);
	if (how && strncmp(how, "agent:", 6) == 0)
		return prompter_agent_new(how + 6, PROMPT_TIMEOUT_MS);
	if (how && strcmp(how, "gui") == 0)
		return prompter_window_new(attach_spawn, b->attach, PROMPT_WINDOW_TIMEOUT_MS);
	tty_fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (tty_fd >= 0)
		return prompter_tty_new(tty_fd, &b->hooks);
	return *b->handoff.facts[HANDOFF_WINDOW] && !how
		       ? prompter_window_new(attach_spawn, b->attach, PROMPT_WINDOW_TIMEOUT_MS)
		       : NULL;
}

static void on_answered(void *data)
{
	pty_answered(&((struct broker *)data)->monitor.pty);
}

static void on_change(void *data, const char *path)
{
	struct broker *b = data;

	attach_review_later(b->attach);
	if (path)
		attach_consider_later(b->attach, path);
	bfs_invalidate(b->bfs, path);
}

static void on_host_change(void *data)
{
	struct broker *b = data;

	if (b->net)
		network_doubt(b->net);
}

static bool clear_below(void *data, const char *path)
{
	return attach_release(((struct broker *)data)->attach, path);
}

static void on_used(void *data, const char *folder)
{
	attach_consider_later(((struct broker *)data)->attach, folder);
}

static void on_store_files(void *data)
{
	struct broker *b = data;
	bool written;

	if (!store_watch_take(&b->watch, &written))
		return;
	gate_poll_store(b->gate, b->store && consent_store_recheck(b->store, written));
	store_watch_looked(&b->watch);
	if (attach_is_reviewed(b->attach))
		store_watch_settled(&b->watch);
}

/* Rules of the command line are the user's word for this run. */
static int add_rules(struct broker *b, struct appsilo_error *err)
{
	for (size_t i = 0; i < b->options.n_rules; i++) {
		const struct run_path_rule *given = &b->options.rules[i];
		struct consent_rule rule = {
			.family = b->handoff.facts[HANDOFF_FAMILY],
			.target = given->kind == RUN_ALLOW_LIST ? CONSENT_FILE : CONSENT_FOLDER,
			.access = given->kind == RUN_ALLOW_WRITE ? CONSENT_WRITE : CONSENT_READ,
			.verdict = given->kind == RUN_DENY ? CONSENT_DENY : CONSENT_ALLOW,
			.scope = CONSENT_SESSION,
			.source = CONSENT_FROM_COMMAND_LINE,
		};
		char path[PATH_MAX];
		int r = places_resolve(given->path, path);

		rule.path = path;
		if (r >= 0)
			r = session_put(b->session, &rule);
		if (r < 0)
			return error_set(err, r, "run: rule for %s", given->path);
	}
	return 0;
}

static int open_store(struct broker *b, struct appsilo_error *err)
{
	b->session = session_new();
	if (!b->session)
		return error_set(err, -ENOMEM, "run");
	return consent_store_open(b->places.data_dir, STORE_READ, &b->store, err);
}

static void on_network_death(void *data)
{
	monitor_break(&((struct broker *)data)->monitor);
}

static int serve_network(struct broker *b, struct appsilo_error *err)
{
	struct network_config config = {.fd = b->handoff.fds[HANDOFF_NET],
					.gate = b->gate,
					.policy = b->network,
					.on_death = on_network_death,
					.data = b};
	struct carry_config carry = {0};
	int r = network_start(&config, &b->net);

	if (r == 0) {
		carry.judge = network_judge(b->net);
		r = carry_new(&carry, &b->carry);
	}
	return r < 0 ? error_set(err, r, "run: serve the network") : 0;
}

static int start_profile(struct broker *b, struct appsilo_error *err)
{
	struct attempts_config config = {
		.data_dir = b->places.data_dir,
		.family = b->handoff.facts[HANDOFF_FAMILY],
		.app = b->handoff.facts[HANDOFF_APP],
		.run = recorder_run_id(b->recorder),
		.cwd = b->handoff.facts[HANDOFF_CWD],
		.home = b->places.home,
		.words = b->handoff.words,
		.let_through = b->options.profile_allow,
		.stacks = {.fd = TAKE_FD(b->handoff.fds[HANDOFF_STACKS]), .app_uid = b->handoff.app_uid},
	};

	return b->options.profile ? attempts_open(&config, &b->attempts, err) : 0;
}

static int start_services(struct broker *b, struct appsilo_error *err)
{
	struct gate_config gate = {
		.decider = b->decider,
		.policy = b->network,
		.app = b->handoff.facts[HANDOFF_APP],
		.real = b->handoff.facts[HANDOFF_REAL],
		.signer = *b->handoff.facts[HANDOFF_SIGNER] ? b->handoff.facts[HANDOFF_SIGNER] : NULL,
		.make_prompter = make_prompter,
		.quiet = b->options.quiet || !run_asks(&b->options),
		.on_change = on_change,
		.clear_below = clear_below,
		.on_host_change = on_host_change,
		.on_answered = on_answered,
		.on_used = on_used,
		.data = b,
	};
	struct bfs_config fs = {
		.device_fd = TAKE_FD(b->handoff.fds[HANDOFF_FUSE]),
		.start_cpu = b->handoff.start_cpu,
		.app_uid = b->handoff.app_uid,
		.app_gid = b->handoff.app_uid,
		.hidden = b->options.metadata_hidden,
	};
	const char *attach = getenv("APPSILO_ATTACH");
	int r = recorder_open(b->places.data_dir, b->options.audit, b->handoff.facts[HANDOFF_FAMILY],
			      b->handoff.facts[HANDOFF_APP], &b->recorder, err);

	if (r == 0)
		r = start_profile(b, err);
	if (r < 0)
		return r;
	if (geteuid() != 0)
		fs.app_gid = getegid();
	r = attach_new(b->helper_fd, &b->decider, attach && strcmp(attach, "never") == 0,
		       &b->attach);
	if (r < 0)
		return error_set(err, r, "run: attach helper");
	attach_on_reviewed(b->attach, store_watch_settled, &b->watch);
	gate.recorder = b->recorder;
	gate.attempts = b->attempts;
	r = gate_new(&gate, &b->gate, err);
	if (r < 0)
		return r;
	fs.gate = b->gate;
	r = bfs_start(&fs, &b->bfs, err);
	return r < 0 || b->handoff.fds[HANDOFF_NET] < 0 ? r : serve_network(b, err);
}

static struct consent_request cwd_request(const struct broker *b)
{
	return (struct consent_request){
		.path = b->handoff.facts[HANDOFF_CWD],
		.access = CONSENT_READ,
		.target = CONSENT_FOLDER,
		.operation = "list",
		.exists = true,
		.pid = b->handoff.init_pid,
	};
}

/* CONSENT_DENY also where there is nothing to ask: a place that the sandbox makes up. */
static enum consent_verdict judge_cwd(struct broker *b)
{
	struct consent_request request = cwd_request(b);
	enum consent_verdict verdict;

	if (strcmp(request.path, "/") == 0 ||
	    (view_is_virtual(request.path) && !view_needs_place(request.path)))
		return CONSENT_DENY;
	/* That a program starts there does not mean that it needs it: a profile knows when it does. */
	if (b->attempts)
		request.operation = "stat";
	verdict = gate_decide(b->gate, &request);
	return (b->attempts || !run_asks(&b->options)) && verdict == CONSENT_ASK ? CONSENT_DENY : verdict;
}

/* A program that may write where it works makes many calls that write: reporting each would
 * cost it a round trip. It has none reported, and folders it may only read stay on FUSE,
 * where writing asks all the same; otherwise they are attached read-only. */
static bool works_where_it_may_write(struct broker *b, enum consent_verdict cwd)
{
	struct attach_start entry;
	size_t n = 0;
	bool writable = cwd == CONSENT_ALLOW &&
			attach_plan(b->attach, b->handoff.facts[HANDOFF_CWD], &entry, &n) &&
			entry.state == ATTACH_WRITE;

	if (n > 0)
		free(entry.path);
	return writable;
}

/* What the rules allow from the start is attached while the root is built, so that the app
 * finds its own directory native. In root runs only the helper can map ids. */
static void plan_start(struct broker *b, enum consent_verdict cwd)
{
	/* What is let through in a profiled run is no rule that a read-only mount could follow. */
	b->report = !b->attempts && !works_where_it_may_write(b, cwd);
	attach_allow_read_only(b->attach, b->report);
	if (geteuid() == 0)
		return;
	if (cwd == CONSENT_ALLOW)
		attach_plan(b->attach, b->handoff.facts[HANDOFF_CWD], b->start, &b->n_start);
	for (size_t i = 0; i < b->options.n_rules && b->n_start < CONTROL_ATTACH_MAX; i++) {
		char path[PATH_MAX];

		if (b->options.rules[i].kind != RUN_DENY &&
		    realpath(b->options.rules[i].path, path))
			attach_plan(b->attach, path, b->start, &b->n_start);
	}
}

/* Of the host's loopback. A store that cannot be read opens none, and is complained about by
 * whatever asks it next. */
static size_t open_ports(struct broker *b, uint16_t ret[NET_LOOPBACK_MAX])
{
	struct appsilo_error err;

	if (b->handoff.fds[HANDOFF_NET] < 0 ||
	    (b->store && host_rules_load(b->store, b->handoff.facts[HANDOFF_FAMILY], b->network, &err) < 0))
		return 0;
	return net_policy_loopback(b->network, ret, NET_LOOPBACK_MAX);
}

/* What is allowed below a private place, and by it hidden, shows up in it. */
static int show_allowed(void *data, const struct consent_rule *rule)
{
	struct control_message m = {.kind = CONTROL_BROKER};
	struct broker *b = data;

	if (rule->verdict != CONSENT_ALLOW || b->n_shown == CONTROL_ATTACH_MAX)
		return 0;
	b->n_shown++;
	snprintf(m.text, sizeof(m.text), "%s", rule->path);
	return fd_send(b->monitor.control_fd, &m, sizeof(m), NULL, 0);
}

/* An asking app first asks for the current directory; with "No" it starts there all the
 * same. Init goes on when there is nothing to ask. */
static int tell_init(struct broker *b, struct appsilo_error *err)
{
	enum consent_verdict cwd = judge_cwd(b);
	struct control_message m = {.kind = CONTROL_ATTACH};
	uint16_t ports[NET_LOOPBACK_MAX] = {0};
	int r = 0;

	plan_start(b, cwd);
	/* A store that cannot be read allows nothing. */
	for (const char *const *place = view_private_places; b->store && *place; place++)
		(void)!consent_store_below(b->store, b->handoff.facts[HANDOFF_FAMILY], *place,
					   show_allowed, b);
	b->wait_for_cwd = cwd == CONSENT_ASK || (cwd == CONSENT_ALLOW && b->n_start == 0);
	for (size_t i = 0; r == 0 && i < b->n_start; i++) {
		m.value = b->start[i].state == ATTACH_WRITE;
		snprintf(m.text, sizeof(m.text), "%s", b->start[i].path);
		r = fd_send(b->monitor.control_fd, &m, sizeof(m), NULL, 0);
	}
	m = (struct control_message){.kind = CONTROL_BUILD,
				     .value = (b->wait_for_cwd ? 0 : CONTROL_BUILD_GO) |
					      (b->report ? CONTROL_BUILD_REPORT : 0),
				     .status = (int32_t)open_ports(b, ports)};
	memcpy(m.text, ports, sizeof(ports));
	if (r == 0)
		r = fd_send(b->monitor.control_fd, &m, sizeof(m), NULL, 0);
	/* Init has gone: its last message says why. */
	return r == -EPIPE || r == -ECONNRESET ? 0 : r < 0 ? error_set(err, r, "run: control socket") : 0;
}

/* The question waits in a thread of its own: signals and the clock go on meanwhile. */
static void *cwd_thread(void *data)
{
	struct broker *b = data;
	struct control_message go = {.kind = CONTROL_GO};
	struct consent_request request = cwd_request(b);
	enum consent_verdict verdict = judge_cwd(b);

	if (verdict == CONSENT_ASK)
		verdict = gate_ask_wait(b->gate, &request);
	if (verdict == CONSENT_ALLOW)
		attach_consider(b->attach, request.path);
	/* Init is gone: the monitor sees it. */
	(void)!fd_send(b->monitor.control_fd, &go, sizeof(go), NULL, 0);
	return NULL;
}

static void on_listened(void *data, uint64_t call, int code)
{
	struct broker *b = data;

	if (b->carry)
		carry_listened(b->carry, call, code);
}

static int on_ready(void *data, int listener_fd, uint32_t attached, struct appsilo_error *err)
{
	struct broker *b = data;
	int r;

	bfs_started(b->bfs);
	for (size_t i = 0; i < b->n_start; i++)
		if (attached & 1u << i)
			attach_started(b->attach, &b->start[i]);
	if (listener_fd >= 0 && b->carry)
		carry_listen(b->carry, listener_fd,
			     &(struct carry_init){b->monitor.control_fd, b->handoff.init_pid});
	r = listener_fd < 0 ? 0 : notify_start(listener_fd, b->handoff.view_dev, b->gate, b->attach, b->carry);
	if (r == 0 && b->wait_for_cwd)
		r = thread_detached(cwd_thread, b);
	return r < 0 ? error_set(err, r, "run: start a thread") : 0;
}

/* Our own fences, before init hears that it may start the app: a filter takes a moment to
 * compile, and init is still building the root. */
static int seal(const struct broker *b, struct appsilo_error *err)
{
	const char *how = b->options.prompt;

	return guard_seal(how && strncmp(how, "agent:", 6) == 0, b->carry, err);
}

static int finish(struct broker *b, const struct monitor_outcome *outcome)
{
	struct appsilo_error err = {0};
	struct gate_counts counts;
	struct result_counts result;
	struct net_account network;

	gate_get_counts(b->gate, &counts);
	gate_get_account(b->gate, &network);
	if (b->net)
		network_add_bytes(b->net, &network);
	if (b->carry)
		carry_add_bytes(b->carry, &network);
	recorder_totals(b->recorder, &network);
	used_save(b->decider.used);
	result = (struct result_counts){counts.asked, counts.allowed, counts.denied, &network};
	if (outcome->text[0])
		log_error("%s", outcome->text);
	if (b->result_fd >= 0 &&
	    result_write(b->result_fd, outcome, b->handoff.facts[HANDOFF_FAMILY],
			 recorder_run_id(b->recorder), &result, &err) < 0)
		return complain(&err, 125);
	return outcome->exit_code;
}

static void setup_monitor(struct broker *b)
{
	b->monitor.control_fd = TAKE_FD(b->handoff.fds[HANDOFF_CONTROL]);
	b->monitor.init_pidfd = TAKE_FD(b->handoff.fds[HANDOFF_INIT]);
	b->monitor.sources[b->monitor.n_sources++] =
		(struct monitor_source){b->handoff.fds[HANDOFF_WATCH], on_store_files, b};
	b->monitor.wall_time_ms = b->options.wall_time_ms;
	b->monitor.cpu_time_ms = b->options.cpu_time_ms;
	memcpy(b->monitor.meter.fds, &b->handoff.fds[HANDOFF_METER], sizeof(b->monitor.meter.fds));
	output_init(&b->monitor.output, &b->handoff.fds[HANDOFF_OUTPUT], b->options.output_bytes);
	b->monitor.on_ready = on_ready;
	b->monitor.on_listened = on_listened;
	b->monitor.leave_early = true;
	b->monitor.data = b;
	b->hooks = (struct terminal_hooks){take_terminal, release_terminal, interrupt_app, b};
	for (int fd = 0; fd < 3; fd++)
		b->monitor.tty[fd] = isatty(fd);
}

/* All that does not need the sandbox comes before the handoff: it is being built meanwhile. */
static int prepare(struct broker *b, int argc, char **argv, int *ret_exit_code,
		   struct appsilo_error *err)
{
	int r = argc < 3 ? -EINVAL : 0;

	*ret_exit_code = 125;
	if (r < 0)
		return error_say(err, r, "appsilo-broker is started by appsilo run");
	b->helper_fd = atoi(argv[1]);
	b->result_fd = atoi(argv[2]);
	(void)fcntl(b->helper_fd, F_SETFD, FD_CLOEXEC);
	(void)!fcntl(b->result_fd, F_SETFD, FD_CLOEXEC); /* if there is one */
	r = places_find(&b->places, err);
	if (r == 0)
		r = open_store(b, err);
	if (r == 0)
		r = handoff_receive(b->helper_fd, &b->handoff, ret_exit_code, err);
	if (r == 0)
		r = run_options_parse(b->handoff.words, true, &b->options, err);
	/* A package may forbid what the words say. */
	if (r == 0 && *b->handoff.facts[HANDOFF_PROMPT])
		b->options.prompt = b->handoff.facts[HANDOFF_PROMPT];
	if (r < 0)
		return r;
	b->decider = (struct decider){
		.places = {.home = b->places.home,
			   .data_dir = b->places.data_dir,
			   .profile = b->handoff.facts[HANDOFF_HOME],
			   .cwd = b->handoff.facts[HANDOFF_CWD],
			   .package = *b->handoff.facts[HANDOFF_PACKAGE]
					      ? b->handoff.facts[HANDOFF_PACKAGE]
					      : NULL},
		.family = b->handoff.facts[HANDOFF_FAMILY],
		.store = b->store,
		.session = b->session,
		.used = b->store ? used_new(b->places.data_dir, b->handoff.facts[HANDOFF_FAMILY]) : NULL,
	};
	r = broker_enter(&b->handoff, err);
	if (r == 0)
		r = add_rules(b, err);
	return r < 0 ? r : network_policy(&b->options, &b->network, err);
}

int main(int argc, char **argv)
{
	static struct broker b = {.result_fd = -EBADF};
	struct appsilo_error err = {0};
	struct monitor_outcome outcome;
	int exit_code, r;

	if (getenv("APPSILO_DEBUG"))
		log_setup(LOG_LEVEL_DEBUG, STDERR_FILENO);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(0);
	pages_populate(&b, sizeof(b));
	pages_populate_stack(STACK_BYTES);
	signal(SIGPIPE, SIG_IGN); /* a prompter may die before it has read its question */
	fd_raise_limit(); /* fewer only means fewer open nodes */
	if (prepare(&b, argc, argv, &exit_code, &err) < 0)
		return fail(&b, &err, exit_code);
	store_watch_start(&b.watch, b.handoff.fds[HANDOFF_WATCH], b.places.data_dir);
	setup_monitor(&b);
	r = monitor_init(&b.monitor);
	if (r < 0)
		error_set(&err, r, "run: watch over the sandbox");
	if (r < 0 || start_services(&b, &err) < 0 || seal(&b, &err) < 0 ||
	    tell_init(&b, &err) < 0)
		return fail(&b, &err, 125);
	monitor_run(&b.monitor, &outcome);
	monitor_done(&b.monitor);
	exit_code = finish(&b, &outcome);
	gate_stop(b.gate);
	bfs_stop(b.bfs);
	consent_store_shut(b.store);
	/* FUSE workers may still sit in read(), and threads in the middle of a decision: nothing is
	 * freed under them, and no exit handlers run. */
	_exit(exit_code);
}
