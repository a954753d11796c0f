/* SPDX-License-Identifier: Apache-2.0 */
/* appsilo-server: `serve` and `mcp`. Started by the front in its own place. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/programs.h"
#include "mcp/main.h"
#include "server/event_log.h"
#include "server/http.h"
#include "server/listen.h"
#include "server/routes.h"
#include <signal.h>
#include <string.h>

#define CANCEL_MS 10000 /* for runs that were told to end */
#define LAST_ANSWERS_MS 2000

static int wait_for_end(struct server *s)
{
	const struct timespec moment = {1, 0};
	sigset_t ends;
	int signal;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	while ((signal = sigtimedwait(&ends, NULL, &moment)) < 0) {
		sessions_expire(&s->sessions);
		pools_expire(&s->pools);
	}
	return signal;
}

/* Before any thread: they inherit it. */
static void block_signals(void)
{
	sigset_t ends;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
}

/* The last answers are on their way. */
static void wait_for_clients(struct server *s)
{
	int64_t end_ms = clock_monotonic_ms() + LAST_ANSWERS_MS;
	const struct timespec moment = {0, 10000000};

	while (clients_count(&s->clients) && clock_monotonic_ms() < end_ms)
		nanosleep(&moment, NULL);
}

static void drain(struct server *s, struct MHD_Daemon *daemon)
{
	atomic_store(&s->draining, true);
	queue_close(&s->queue);
	http_quiesce(daemon);
	if (!queue_wait_idle(&s->queue, (int64_t)s->options.drain_ms)) {
		event_note("drain", "runs are ended: --drain-time is over");
		queue_cancel_all(&s->queue);
		(void)queue_wait_idle(&s->queue, CANCEL_MS);
	}
	clients_hang_up(&s->clients, false);
	wait_for_clients(s);
	websockets_end(&s->websockets, &s->clients);
}

static int serve(struct server *s, struct appsilo_error *err)
{
	char shown[LISTEN_SHOWN_MAX];
	struct MHD_Daemon *daemon;
	int fd, r;

	s->routes = serve_routes;
	fd_raise_limit();
	fd = listen_open("serve: --listen", s->options.listen, !s->options.token_file, shown, err);
	if (fd < 0)
		return EXIT_FAILED;
	r = server_start(s, err);
	if (r == 0)
		r = http_start(s, fd, &daemon, err);
	if (r < 0)
		return EXIT_FAILED; /* the kernel takes down what was made */
	printf("listening on %s\n", shown);
	fflush(stdout);
	event_note("start", "listening on %s", shown);
	listen_notify("READY=1");
	r = wait_for_end(s);
	listen_notify("STOPPING=1");
	event_note("stop", "%s: finishing what runs", strsignal(r));
	drain(s, daemon);
	http_stop(daemon);
	server_stop(s);
	return EXIT_OK;
}

static int run_serve(int argc, char **argv, struct appsilo_error *err)
{
	static struct server s; /* large; zeroed */

	if (serve_options_parse(argc, argv, &s.options, err) < 0)
		return EXIT_USAGE;
	if (s.options.help)
		return programs_exec_tool((char *[]){(char *)"appsilo", (char *)"help", argv[0], NULL}, err);
	if (listen_check("serve: --listen", s.options.listen, !s.options.token_file, err) < 0)
		return EXIT_USAGE;
	return serve(&s, err);
}

int main(int argc, char **argv)
{
	struct appsilo_error err = {0};
	int code = EXIT_USAGE;

	block_signals();
	if (argc > 1 && strcmp(argv[1], "serve") == 0)
		code = run_serve(argc - 1, argv + 1, &err);
	else if (argc > 1 && strcmp(argv[1], "mcp") == 0)
		code = mcp_main(argc - 1, argv + 1, &err);
	else
		error_say(&err, -EINVAL, "appsilo-server: start it as appsilo serve or appsilo mcp");
	if (code != EXIT_OK && err.line[0])
		log_error("%s", err.line);
	return code;
}
