/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/output.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

size_t output_budget_take(struct output_budget *budget, size_t n)
{
	uint64_t left = atomic_load(&budget->left_bytes), taken;

	if (!budget->limited)
		return n;
	do {
		taken = n < left ? n : left;
	} while (!atomic_compare_exchange_weak(&budget->left_bytes, &left, left - taken));
	if (taken < n)
		atomic_store(&budget->exceeded, true);
	return (size_t)taken;
}

static bool is_same_file(int a, int b)
{
	struct stat one, other;

	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

int output_pipes_make(const bool tty[3], struct output_pipes *ret)
{
	*ret = OUTPUT_PIPES_NONE;
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		int ends[2];

		if (tty[i + 1])
			continue;
		if (i == 1 && ret->app_fds[0] >= 0 && is_same_file(STDOUT_FILENO, STDERR_FILENO)) {
			ret->app_fds[1] = ret->app_fds[0];
			continue;
		}
		if (pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
			return -errno;
		ret->our_fds[i] = ends[0];
		ret->app_fds[i] = ends[1];
	}
	return 0;
}

void output_pipes_close_app(struct output_pipes *pipes)
{
	if (pipes->app_fds[1] != pipes->app_fds[0])
		close_keep_errno(pipes->app_fds[1]);
	close_keep_errno(pipes->app_fds[0]);
	pipes->app_fds[0] = pipes->app_fds[1] = -EBADF;
}

/* A reader that takes nothing must not stop the clock, signals or the other stream. A pipe can
 * be opened again, for a flag of our own; another user's (su) cannot, nor a socket. */
static void look_at_reader(struct output_stream *s)
{
	struct stat st;
	char path[40];

	s->quick_fd = -EBADF;
	if (fstat(s->out_fd, &st) < 0)
		return;
	s->socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->out_fd);
	s->quick_fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

void output_init(struct output_relay *relay, const int our_fds[OUTPUT_STREAMS],
		 uint64_t limit_bytes)
{
	relay->budget.limited = limit_bytes > 0;
	atomic_store(&relay->budget.left_bytes, limit_bytes);
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		struct output_stream *s = &relay->streams[i];

		s->in_fd = our_fds[i];
		s->quick_fd = -EBADF;
		s->out_fd = i + 1;
		s->n = 0;
		if (s->in_fd >= 0)
			look_at_reader(s);
	}
}

void output_done(struct output_relay *relay)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		close_keep_errno(TAKE_FD(relay->streams[i].in_fd));
		close_keep_errno(TAKE_FD(relay->streams[i].quick_fd));
	}
}

bool output_is_open(const struct output_relay *relay)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		if (relay->streams[i].in_fd >= 0 || relay->streams[i].n > 0)
			return true;
	return false;
}

bool output_waits(const struct output_relay *relay)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		if (relay->streams[i].n > 0)
			return true;
	return false;
}

static int writable_fd(const struct output_stream *s)
{
	return s->quick_fd >= 0 ? s->quick_fd : s->out_fd;
}

void output_poll_entries(const struct output_relay *relay, struct pollfd entries[OUTPUT_POLL_MAX])
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		const struct output_stream *s = &relay->streams[i];
		bool waits = s->n > 0, open = s->in_fd >= 0 || waits;

		/* With no events asked for, the end of the app's side would be reported for ever. */
		entries[2 * i] = (struct pollfd){.fd = waits ? -1 : s->in_fd, .events = POLLIN};
		entries[2 * i + 1] = (struct pollfd){.fd = open ? writable_fd(s) : -1,
						     .events = waits ? POLLOUT : 0};
	}
}

static void hang_up(struct output_stream *s)
{
	close_keep_errno(TAKE_FD(s->in_fd));
	s->n = 0;
}

/* What poll() called writable takes this much of a pipe without waiting. */
static ssize_t write_some(const struct output_stream *s, const char *data)
{
	const char *from = data + s->at;

	if (s->socket)
		return send(s->out_fd, from, s->n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (s->quick_fd >= 0)
		return write(s->quick_fd, from, s->n);
	return write(s->out_fd, from, s->n < PIPE_BUF ? s->n : PIPE_BUF);
}

static void pass_on(struct output_stream *s, const char *data)
{
	ssize_t n = write_some(s, data);

	if (n >= 0) {
		s->at += (size_t)n;
		s->n -= (size_t)n;
	} else if (errno != EAGAIN && errno != EINTR) {
		hang_up(s); /* nobody reads, or there is no room */
	}
}

static void take(struct output_stream *s, char *data, struct output_budget *budget, bool last)
{
	ssize_t n = read(s->in_fd, data, OUTPUT_DATA_BYTES);

	if (n > 0) {
		s->n = output_budget_take(budget, (size_t)n);
		s->at = 0;
	} else if (n == 0 || last || (errno != EAGAIN && errno != EINTR)) {
		close_keep_errno(TAKE_FD(s->in_fd));
	}
}

void output_step(struct output_relay *relay, const struct pollfd entries[OUTPUT_POLL_MAX], bool last)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		struct output_stream *s = &relay->streams[i];
		const struct pollfd *in = &entries[2 * i], *out = in + 1;

		bool wrote = s->n > 0 && out->revents;

		if (wrote)
			pass_on(s, relay->data[i]);
		else if (s->n == 0 && out->revents & (POLLERR | POLLHUP | POLLNVAL))
			hang_up(s);
		if (s->n > 0 || s->in_fd < 0)
			continue;
		if (atomic_load(&relay->budget.exceeded))
			close_keep_errno(TAKE_FD(s->in_fd));
		else if (last || wrote || in->revents)
			take(s, relay->data[i], &relay->budget, last);
	}
}
