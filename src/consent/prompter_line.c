/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `exec:`, `gui` and `agent:` prompters: the same lines, over pipes or a socket. An answer must be
 * the next whole line after its question; bytes that were there before belong to nobody
 * and are thrown away, so that nothing can be answered in advance.
 */
#include "consent/prompt.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A prompter that keeps dying is started this often, then every question is denied. */
#define STARTS_MAX 3
/* What it may have said without being asked, in bytes: more has no end. */
#define EARLY_MAX (1024 * 1024)

struct line_prompter {
	struct prompter base;
	const char *place; /* command or socket path; borrowed */
	prompt_spawn_fn spawn; /* NULL for an agent */
	void *data;
	int timeout_ms;
	int in_fd, out_fd; /* owned; the same for a socket; -EBADF while not started */
	pid_t pid;
	int starts;
	bool follows; /* it reads lines that say how many questions wait */
	char *line; /* owned, PROMPT_LINE_MAX */
};

static void stop(struct line_prompter *p)
{
	if (p->out_fd != p->in_fd)
		close_keep_errno(p->out_fd);
	close_keep_errno(TAKE_FD(p->in_fd));
	p->out_fd = -EBADF;
	if (p->pid > 0)
		kill(-p->pid, SIGKILL);
	p->pid = 0;
}

static int start_program(struct line_prompter *p)
{
	int to[2], from[2];
	int fds[3];

	if (pipe2(to, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(from, O_CLOEXEC) < 0) {
		close(to[0]);
		close(to[1]);
		return -errno;
	}
	fds[0] = to[0];
	fds[1] = from[1];
	fds[2] = STDERR_FILENO;
	p->pid = p->spawn(p->data, p->place, fds);
	close(to[0]);
	close(from[1]);
	p->out_fd = to[1];
	p->in_fd = from[0];
	if (p->pid < 0) {
		int r = p->pid;

		stop(p);
		return r;
	}
	return 0;
}

/* A process of a sandbox has a number of its own in there: the line names more than one. */
static bool is_sandboxed(pid_t pid)
{
	char path[48], status[4096];
	const char *numbers;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (fd_read_file(AT_FDCWD, path, status, sizeof(status)) < 0)
		return true;
	numbers = strstr(status, "\nNSpid:\t");
	if (!numbers)
		return true;
	numbers += strlen("\nNSpid:\t");
	return numbers[strspn(numbers, "0123456789")] != '\n';
}

/* The other end must be this user's or root's: nobody else may answer for them. Nor may the
 * app, which has the user's id: it could have put its own socket in a folder it may write. */
static int connect_agent(struct line_prompter *p)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	/* It may be busy with others for ever: then connect() does not wait. */
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (strlen(p->place) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, p->place);
	if (lstat(p->place, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.uid != 0 && (peer.uid != geteuid() || is_sandboxed(peer.pid)))
		return -EPERM;
	p->in_fd = p->out_fd = TAKE_FD(fd);
	return 0;
}

static int start(struct line_prompter *p)
{
	int r;

	if (p->in_fd >= 0)
		return 0;
	if (p->starts++ >= STARTS_MAX)
		return -ECONNABORTED;
	r = p->spawn ? start_program(p) : connect_agent(p);
	if (r == 0 && (fcntl(p->in_fd, F_SETFL, O_NONBLOCK) < 0 ||
		       fcntl(p->out_fd, F_SETFL, O_NONBLOCK) < 0))
		r = -errno;
	return r;
}

/* Returns 0; -EPIPE when it has ended; -EMSGSIZE when it talks without end. */
static int drop_early_bytes(struct line_prompter *p)
{
	size_t dropped = 0;
	ssize_t n;

	while ((n = read(p->in_fd, p->line, PROMPT_LINE_MAX)) > 0) {
		dropped += (size_t)n;
		if (dropped > EARLY_MAX)
			return -EMSGSIZE;
	}
	return n == 0 ? -EPIPE : 0;
}

/* Running, and with nothing to say. One that has ended since its last answer is started again. */
static int make_ready(struct line_prompter *p)
{
	bool fresh = p->in_fd < 0;
	int r = start(p);

	if (r == 0)
		r = drop_early_bytes(p);
	if (r != -EPIPE || fresh)
		return r;
	stop(p);
	return start(p);
}

struct patience {
	int cancel_fd;
	int waiting_fd; /* negative: not watched */
	int64_t deadline;
};

/* Returns 0 when @fd is ready; 1 when the other questions have become more; -ETIMEDOUT;
 * -ECANCELED; -errno. */
static int wait_for(int fd, short events, const struct patience *patience)
{
	for (;;) {
		struct pollfd fds[3] = {{.fd = fd, .events = events},
					{.fd = patience->cancel_fd, .events = POLLIN},
					{.fd = patience->waiting_fd, .events = POLLIN}};
		int64_t left = patience->deadline - clock_monotonic_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -ECANCELED;
		if (fds[0].revents)
			return 0;
		if (fds[2].revents)
			return 1;
	}
}

/* It may never read, and what it was asked before may still fill the pipe. */
static int write_line(struct line_prompter *p, size_t size, const struct patience *patience)
{
	size_t done = 0;
	int r = 0;

	while (r == 0 && done < size) {
		ssize_t n = write(p->out_fd, p->line + done, size - done);

		if (n > 0)
			done += (size_t)n;
		else if (errno == EAGAIN || errno == EINTR)
			r = wait_for(p->out_fd, POLLOUT, patience);
		else
			r = -errno;
	}
	return r;
}

/* Only a hint in the window: when its pipe is full, the next one will do. */
static void tell_waiting(struct line_prompter *p, const struct prompt_question *q)
{
	char line[96];
	eventfd_t news;
	int n;

	(void)eventfd_read(q->waiting_fd, &news);
	n = snprintf(line, sizeof(line), "{\"v\":1,\"id\":%lld,\"waiting\":%u}\n", (long long)q->id,
		     q->count_waiting(q->data));
	(void)!write(p->out_fd, line, (size_t)n);
}

/* Read up to the newline. Returns the length; -ETIMEDOUT, -ECANCELED, -EPIPE, -EMSGSIZE,
 * -EOVERFLOW. */
static int read_line(struct line_prompter *p, const struct prompt_question *q,
		     const struct patience *patience)
{
	size_t used = 0;

	for (;;) {
		int r = wait_for(p->in_fd, POLLIN, patience);
		const char *end;
		ssize_t n;

		if (r < 0)
			return r;
		if (r > 0) {
			tell_waiting(p, q);
			continue;
		}
		n = read(p->in_fd, p->line + used, PROMPT_LINE_MAX - used);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -EPIPE;
		end = memchr(p->line + used, '\n', (size_t)n);
		used += (size_t)n;
		if (end && end + 1 != p->line + used)
			return -EMSGSIZE; /* more than one answer */
		if (end)
			return (int)(end - p->line);
		if (used == PROMPT_LINE_MAX)
			return -EOVERFLOW;
	}
}

static const char *explain(int code)
{
	switch (code) {
	case -ETIMEDOUT:
		return "did not answer in time";
	case -EPIPE:
		return "went away without an answer";
	case -EMSGSIZE:
		return "sent more than one line";
	case -EOVERFLOW:
		return "sent a line without end";
	case -ECONNABORTED:
		return "it has failed three times in a row";
	default:
		return strerror(-code);
	}
}

/* Returns the length of the answer; -errno. */
static int put_question(struct line_prompter *p, const struct prompt_question *question, int cancel_fd)
{
	struct patience patience = {cancel_fd, -EBADF, clock_monotonic_ms() + p->timeout_ms};
	int r = prompt_json_write(question, p->line, PROMPT_LINE_MAX);

	if (r >= 0)
		r = write_line(p, (size_t)r, &patience);
	patience.waiting_fd = p->follows ? question->waiting_fd : -EBADF;
	return r < 0 ? r : read_line(p, question, &patience);
}

static void ask(struct prompter *base, const struct prompt_question *question, int cancel_fd,
		struct prompt_answer *ret)
{
	struct line_prompter *p = (struct line_prompter *)base;
	char shown[192];
	int r = make_ready(p);

	if (r < 0 && p->in_fd < 0) {
		prompt_fail(ret, "cannot start the prompter %s: %s",
			    text_show(p->place, shown, sizeof(shown)), explain(r));
		return;
	}
	if (r == 0)
		r = put_question(p, question, cancel_fd);
	if (r < 0) {
		/* What it says later would be taken for another question's answer. */
		stop(p);
		prompt_fail(ret, "the prompter %s", explain(r));
		if (r == -ECANCELED) {
			p->starts--;
			ret->problem[0] = '\0';
		}
		return;
	}
	if (prompt_json_read(p->line, (size_t)r, question, ret) < 0)
		return; /* ret says why */
	p->starts = 0;
}

static void release(struct prompter *base)
{
	struct line_prompter *p = (struct line_prompter *)base;

	stop(p);
	free(p->line);
	free(p);
}

static struct prompter *make(const char *place, prompt_spawn_fn spawn, void *data, int timeout_ms)
{
	struct line_prompter *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base.ask = ask;
	p->base.free = release;
	p->place = place;
	p->spawn = spawn;
	p->data = data;
	p->timeout_ms = timeout_ms;
	p->in_fd = p->out_fd = -EBADF;
	p->line = malloc(PROMPT_LINE_MAX);
	if (!p->line) {
		free(p);
		return NULL;
	}
	return &p->base;
}

struct prompter *prompter_exec_new(const char *command, prompt_spawn_fn spawn, void *data,
				   int timeout_ms)
{
	return make(command, spawn, data, timeout_ms);
}

struct prompter *prompter_window_new(prompt_spawn_fn spawn, void *data, int timeout_ms)
{
	struct prompter *p = make("appsilo-ui", spawn, data, timeout_ms);

	if (p)
		((struct line_prompter *)p)->follows = true;
	return p;
}

struct prompter *prompter_agent_new(const char *socket_path, int timeout_ms)
{
	return make(socket_path, NULL, NULL, timeout_ms);
}
