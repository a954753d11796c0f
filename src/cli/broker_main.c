/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo-broker: the front's second half of a prompting run, in the same process (the
 * front executes it in its own place). Not for people; docs/ARCHITECTURE.md, Processes.
 */
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "broker/attach.h"
#include "broker/fs/bfs.h"
#include "broker/gate_new.h"
#include "broker/notify.h"
#include "cli/handoff.h"
#include "cli/places.h"
#include "cli/result.h"
#include "cli/run_options.h"
#include "cli/view.h"
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct broker {
	struct handoff handoff;
	struct run_options options;
	struct places places;
	struct consent_store *store;
	struct session_rules *session;
	struct decider decider;
	struct recorder *recorder;
	struct gate *gate;
	struct attach *attach;
	struct bfs *bfs;
	struct monitor monitor;
	int result_fd;
	struct terminal_hooks hooks;
};

static int complain(const struct appsilo_error *err, int exit_code)
{
	log_error("%s", err->line);
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

static struct prompter *make_prompter(void *data)
{
	struct broker *b = data;
	const char *how = b->options.prompt;
	int tty_fd;

	if (how && strncmp(how, "exec:", 5) == 0)
		return prompter_exec_new(how + 5, attach_spawn, b->attach, PROMPT_TIMEOUT_MS);
	if (how && strncmp(how, "agent:", 6) == 0)
		return prompter_agent_new(how + 6, PROMPT_TIMEOUT_MS);
	tty_fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	return tty_fd < 0 ? NULL : prompter_tty_new(tty_fd, &b->hooks);
}

static void on_change(void *data, const char *path)
{
	struct broker *b = data;

	attach_review(b->attach);
	if (path)
		attach_consider(b->attach, path);
	bfs_invalidate(b->bfs, path);
}

static void on_used(void *data, const char *folder)
{
	attach_consider_later(((struct broker *)data)->attach, folder);
}

static void on_store_files(void *data)
{
	struct broker *b = data;
	char events[4096];

	while (read(b->handoff.watch_fd, events, sizeof(events)) > 0)
		;
	gate_poll_store(b->gate);
}

/* Rules of the command line are the user's word for this run. */
static int add_rules(struct broker *b, struct appsilo_error *err)
{
	for (size_t i = 0; i < b->options.n_rules; i++) {
		const struct run_path_rule *given = &b->options.rules[i];
		struct consent_rule rule = {
			.family = b->handoff.family,
			.target = given->kind == RUN_ALLOW_LIST ? CONSENT_FILE : CONSENT_FOLDER,
			.access = given->kind == RUN_ALLOW_WRITE ? CONSENT_WRITE : CONSENT_READ,
			.verdict = given->kind == RUN_DENY ? CONSENT_DENY : CONSENT_ALLOW,
			.scope = CONSENT_SESSION,
			.source = CONSENT_FROM_COMMAND_LINE,
		};
		char path[PATH_MAX];
		int r = 0;

		if (!realpath(given->path, path))
			r = path_clean(b->handoff.cwd, given->path, path, sizeof(path));
		rule.path = path;
		if (r == 0)
			r = session_put(b->session, &rule);
		if (r < 0)
			return error_set(err, r, "run: rule for %s", given->path);
	}
	return 0;
}

static int open_store(struct broker *b, struct appsilo_error *err)
{
	int r;

	b->session = session_new();
	if (!b->session)
		return error_set(err, -ENOMEM, "run");
	r = consent_store_open(b->places.data_dir, STORE_READ, &b->store, err);
	if (r < 0)
		return r;
	b->decider = (struct decider){
		.places = {.home = b->places.home,
			   .data_dir = b->places.data_dir,
			   .profile = b->handoff.home},
		.family = b->handoff.family,
		.store = b->store,
		.session = b->session,
	};
	return add_rules(b, err);
}

static void watch_store(struct broker *b)
{
	if (inotify_add_watch(b->handoff.watch_fd, b->places.data_dir,
			      IN_ATTRIB | IN_CREATE | IN_MOVED_TO) < 0)
		log_warning("cannot watch %s; changes made elsewhere show at the next question",
			    b->places.data_dir);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer only means fewer open nodes */
	}
}

static int start_services(struct broker *b, struct appsilo_error *err)
{
	struct gate_config gate = {
		.decider = b->decider,
		.app = b->handoff.app,
		.real = b->handoff.real,
		.make_prompter = make_prompter,
		.quiet = b->options.quiet,
		.on_change = on_change,
		.on_used = on_used,
		.data = b,
	};
	struct bfs_config fs = {
		.device_fd = b->handoff.fuse_fd,
		.app_uid = b->handoff.app_uid,
		.app_gid = b->handoff.app_uid,
		.hidden = b->options.metadata_hidden,
	};
	int r = recorder_open(b->places.data_dir, b->options.audit, b->handoff.family,
			      b->handoff.app, &b->recorder, err);

	if (r < 0)
		return r;
	if (geteuid() != 0)
		fs.app_gid = getegid();
	r = attach_new(b->handoff.helper_fd, &b->decider, &b->attach);
	if (r < 0)
		return error_set(err, r, "run: attach helper");
	gate.recorder = b->recorder;
	r = gate_new(&gate, &b->gate, err);
	if (r < 0)
		return r;
	fs.gate = b->gate;
	return bfs_start(&fs, &b->bfs, err);
}

/* An asking app first asks for the current directory; with "No" it starts there all the
 * same. Attached before the app enters it, so that its own directory is native. */
static void ask_for_cwd(struct broker *b)
{
	struct consent_request request = {
		.path = b->handoff.cwd,
		.access = CONSENT_READ,
		.target = CONSENT_FOLDER,
		.operation = "list",
		.exists = true,
		.pid = b->handoff.init_pid,
	};
	enum consent_verdict verdict;

	if (view_is_virtual(b->handoff.cwd) && !view_needs_place(b->handoff.cwd))
		return;
	if (strcmp(b->handoff.cwd, "/") == 0)
		return;
	verdict = gate_decide(b->gate, &request);
	if (verdict == CONSENT_ASK)
		verdict = gate_ask_wait(b->gate, &request);
	if (verdict == CONSENT_ALLOW)
		attach_consider(b->attach, b->handoff.cwd);
}

static void *cwd_thread(void *data)
{
	struct broker *b = data;
	struct control_message go = {.kind = CONTROL_GO};

	ask_for_cwd(b);
	/* Init is gone: the monitor sees it. */
	(void)!fd_send(b->monitor.control_fd, &go, sizeof(go), NULL, 0);
	return NULL;
}

/* The question waits in a thread of its own: signals and the clock go on meanwhile. */
static int on_ready(void *data, int listener_fd, struct appsilo_error *err)
{
	struct broker *b = data;
	pthread_t thread;
	int r;

	bfs_started(b->bfs);
	r = notify_start(listener_fd, b->gate, b->attach);
	if (r == 0)
		r = -pthread_create(&thread, NULL, cwd_thread, b);
	if (r < 0)
		return error_set(err, r, "run: start a thread");
	pthread_detach(thread);
	return 0;
}

static int finish(struct broker *b, const struct monitor_outcome *outcome)
{
	struct appsilo_error err = {0};
	struct gate_counts counts;
	struct result_counts result;

	gate_get_counts(b->gate, &counts);
	result = (struct result_counts){counts.asked, counts.allowed, counts.denied};
	if (outcome->text[0])
		log_error("%s", outcome->text);
	if (b->result_fd >= 0 &&
	    result_write(b->result_fd, outcome, b->handoff.family,
			 recorder_run_id(b->recorder), &result, &err) < 0)
		return complain(&err, 125);
	return outcome->exit_code;
}

static int prepare(struct broker *b, int argc, char **argv, struct appsilo_error *err)
{
	bool python;
	int r = handoff_read(argc, argv, &b->handoff);

	if (r < 0)
		return error_say(err, r, "appsilo-broker is started by appsilo run");
	python = b->handoff.words[1] && strcmp(b->handoff.words[1], "python") == 0;
	r = run_options_parse(b->handoff.words + 2, python, &b->options, err);
	if (r == 0)
		r = places_find(&b->places, err);
	if (r < 0)
		return r;
	if (b->options.result) {
		b->result_fd = result_open(b->options.result, err);
		if (b->result_fd < 0)
			return b->result_fd;
	}
	b->monitor.control_fd = b->handoff.control_fd;
	b->monitor.init_pid = b->handoff.init_pid;
	b->monitor.wall_time_ms = b->options.wall_time_ms;
	b->monitor.cpu_time_ms = b->options.cpu_time_ms;
	b->monitor.on_ready = on_ready;
	b->monitor.leave_early = true;
	b->monitor.on_extra = on_store_files;
	b->monitor.data = b;
	b->hooks = (struct terminal_hooks){take_terminal, release_terminal, b};
	for (int fd = 0; fd < 3; fd++)
		b->monitor.tty[fd] = isatty(fd);
	fcntl(b->handoff.fuse_fd, F_SETFD, FD_CLOEXEC);
	fcntl(b->handoff.control_fd, F_SETFD, FD_CLOEXEC);
	fcntl(b->handoff.helper_fd, F_SETFD, FD_CLOEXEC);
	fcntl(b->handoff.watch_fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

int main(int argc, char **argv)
{
	static struct broker b = {.result_fd = -EBADF};
	struct appsilo_error err = {0};
	struct monitor_outcome outcome;
	int exit_code;

	if (getenv("APPSILO_DEBUG"))
		log_setup(LOG_LEVEL_DEBUG, STDERR_FILENO);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(0);
	raise_descriptor_limit();
	if (prepare(&b, argc, argv, &err) < 0 || open_store(&b, &err) < 0)
		return complain(&err, 125);
	watch_store(&b);
	b.monitor.extra_fd = b.handoff.watch_fd;
	if (monitor_init(&b.monitor) < 0 || start_services(&b, &err) < 0)
		return complain(&err, 125);
	monitor_run(&b.monitor, &outcome);
	monitor_done(&b.monitor);
	exit_code = finish(&b, &outcome);
	gate_free(b.gate);
	bfs_stop(b.bfs);
	recorder_close(b.recorder);
	consent_store_close(b.store);
	/* FUSE workers may still sit in read(): leave without running their exit handlers. */
	_exit(exit_code);
}
