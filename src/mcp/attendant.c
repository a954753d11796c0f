/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/attendant.h"

#include "base/clock.h"
#include "consent/prompt.h"
#include "mcp/elicit.h"
#include "server/job_id.h"
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TICK_MS 1000
#define DENIED_MAX 32 /* that are told in a result */

enum { POLL_STOP, POLL_LISTEN, POLL_BROKER, POLL_ANSWER, POLL_N };

/* What the thread has in hand. */
struct desk {
	struct attendant *a;
	int broker_fd;	  /* owned; -EBADF: the broker has not come yet */
	json_t *question; /* that the client thinks about; owned */
	int64_t start_ms, tick_ms;
	size_t used;
	char line[PROMPT_LINE_MAX];
};

int attendant_open(struct attendant *a, struct mcp_call *call, struct mcp_sink *sink, struct appsilo_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *folder = call->session->mcp->sockets.folder;
	char name[33];
	int r;

	*a = (struct attendant){.call = call, .sink = sink, .listen_fd = -EBADF, .denied = json_array()};
	a->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (a->stop_fd < 0 || !a->denied)
		return error_set(err, a->stop_fd < 0 ? -errno : -ENOMEM, "mcp: start a run");
	if (!*folder)
		return 0;
	r = job_id_make(name);
	if (r < 0)
		return error_set(err, r, "mcp: random numbers");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
	a->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->listen_fd < 0 || bind(a->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_set(err, -errno, "mcp: the questions' socket %s", address.sun_path);
	strcpy(a->path, address.sun_path);
	return listen(a->listen_fd, 4) < 0 ? error_set(err, -errno, "mcp: listen on %s", a->path) : 0;
}

/* Only the broker of this very run asks: the app may have been let into the socket's folder. */
static void take_broker(struct desk *d)
{
	int fd = accept4(d->a->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid != d->a->run_pid) {
		close(fd);
		return;
	}
	close_keep_errno(d->broker_fd);
	d->broker_fd = fd;
	d->used = 0;
}

static void drop_question(struct desk *d)
{
	if (d->question)
		mcp_call_withdraw(d->a->call, d->a->sink);
	json_decref(TAKE_PTR(d->question));
}

static void hang_up(struct desk *d)
{
	drop_question(d);
	close_keep_errno(TAKE_FD(d->broker_fd));
}

static void note_denial(struct desk *d, const json_t *question)
{
	json_t *denial;
	char text[256];

	if (json_array_size(d->a->denied) >= DENIED_MAX)
		return;
	denial = elicit_denial(question);
	snprintf(text, sizeof(text), "denied: %.200s", json_string_value(json_object_get(denial, "path")) ?:
		 json_string_value(json_object_get(denial, "host")) ?: "something");
	mcp_call_log(d->a->call, d->a->sink, MCP_WARNING, text);
	(void)json_array_append_new(d->a->denied, denial);
}

/* The broker reads one short line: what does not fit at once, it does not want. */
static void answer(struct desk *d, const json_t *question, const json_t *result)
{
	bool allowed = false;
	cleanup_free char *line = elicit_answer(question, result, d->a->call->session->mcp->home, &allowed);
	size_t n = line ? strlen(line) : 0;

	if (!allowed)
		note_denial(d, question);
	if (!line) {
		hang_up(d);
		return;
	}
	line[n] = '\n'; /* in place of the NUL */
	if (send(d->broker_fd, line, n + 1, MSG_NOSIGNAL) != (ssize_t)n + 1)
		hang_up(d);
}

/* One question at a time; nothing is asked that cannot be shown whole. */
static void take_question(struct desk *d, size_t size)
{
	json_t *question = json_loadb(d->line, size, JSON_REJECT_DUPLICATES, NULL), *params;

	d->used = 0;
	if (!json_is_object(question) || d->question) {
		json_decref(question);
		hang_up(d);
		return;
	}
	params = elicit_params(question, d->a->call->session->mcp->home);
	if (params && mcp_call_ask(d->a->call, d->a->sink, params) == 0) {
		d->question = question;
		return;
	}
	answer(d, question, NULL);
	json_decref(question);
}

static void read_broker(struct desk *d)
{
	ssize_t n = recv(d->broker_fd, d->line + d->used, sizeof(d->line) - d->used, 0);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(d);
		return;
	}
	end = memchr(d->line + d->used, '\n', (size_t)n);
	d->used += (size_t)n;
	if (end)
		take_question(d, (size_t)(end - d->line));
	else if (d->used == sizeof(d->line))
		hang_up(d);
}

static void take_answer(struct desk *d)
{
	cleanup_json json_t *result = mcp_call_take_answer(d->a->call);
	cleanup_json json_t *question = TAKE_PTR(d->question);

	if (question)
		answer(d, question, result);
}

static void tick(struct desk *d)
{
	int64_t now_ms = clock_monotonic_ms(), seconds = (now_ms - d->start_ms) / 1000;
	char text[64];
	json_t *params;

	if (!d->a->call->progress_token || now_ms < d->tick_ms)
		return;
	d->tick_ms += TICK_MS;
	snprintf(text, sizeof(text), d->question ? "%lld s, a question is open" : "%lld s", (long long)seconds);
	params = json_pack("{s:O,s:I,s:s}", "progressToken", d->a->call->progress_token, "progress",
			   (json_int_t)seconds, "message", text);
	d->a->sink->send(d->a->sink, rpc_notification("notifications/progress", params));
}

static int time_left(const struct desk *d)
{
	int64_t left = d->tick_ms - clock_monotonic_ms();

	return !d->a->call->progress_token ? -1 : left > 0 ? (int)left : 0;
}

/* Returns false when the run has ended. */
static bool turn(struct desk *d)
{
	struct pollfd fds[POLL_N] = {
		[POLL_STOP] = {.fd = d->a->stop_fd, .events = POLLIN},
		[POLL_LISTEN] = {.fd = d->a->listen_fd, .events = POLLIN},
		[POLL_BROKER] = {.fd = d->broker_fd, .events = POLLIN},
		[POLL_ANSWER] = {.fd = d->a->call->answer_fd, .events = POLLIN},
	};

	if (poll(fds, POLL_N, time_left(d)) < 0)
		return errno == EINTR;
	if (fds[POLL_STOP].revents)
		return false;
	tick(d);
	if (fds[POLL_ANSWER].revents)
		take_answer(d);
	else if (fds[POLL_BROKER].revents)
		read_broker(d);
	else if (fds[POLL_LISTEN].revents)
		take_broker(d);
	return true;
}

static void *attend(void *data)
{
	struct attendant *a = data;
	struct desk d = {.a = a, .broker_fd = -EBADF, .start_ms = clock_monotonic_ms()};

	d.tick_ms = d.start_ms + TICK_MS;
	while (turn(&d))
		;
	hang_up(&d);
	return NULL;
}

int attendant_start(struct attendant *a, pid_t run_pid)
{
	int r;

	a->run_pid = run_pid;
	r = pthread_create(&a->thread, NULL, attend, a);
	a->running = r == 0;
	return -r;
}

void attendant_stop(struct attendant *a)
{
	(void)!eventfd_write(a->stop_fd, 1);
	if (a->running)
		pthread_join(a->thread, NULL);
	a->running = false;
}

void attendant_done(struct attendant *a)
{
	attendant_stop(a);
	if (*a->path)
		unlink(a->path);
	close_keep_errno(TAKE_FD(a->listen_fd));
	close_keep_errno(TAKE_FD(a->stop_fd));
	json_decref(TAKE_PTR(a->denied));
}
