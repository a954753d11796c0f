/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/stacks.h"

#include "base/fd.h"
#include "base/log.h"
#include "stacks/wire.h"
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Longer than appsilo-stacks takes at most. */
#define ANSWER_MS 1500
#define STATUS_MAX 8192

/* Thread @id of the sandbox, held: whatever has its number later is another. */
static int open_thread(const struct stacks *s, pid_t id)
{
	char path[32];
	struct stat st;
	cleanup_close int fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/%d", (int)id);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fstat(fd, &st) < 0 || st.st_uid != s->app_uid ? -ESRCH : TAKE_FD(fd);
}

/* The last number of the line that begins with @word, "\n" included. */
static long find_number(const char *text, const char *word)
{
	const char *at = strstr(text, word), *last;

	if (!at)
		return -1;
	last = at + strcspn(at + 1, "\n") + 1;
	while (last > at && last[-1] >= '0' && last[-1] <= '9')
		last--;
	return strtol(last, NULL, 10);
}

/* What the kernel says of it. */
static bool describe(int thread_fd, pid_t id, struct stacks_request *ret)
{
	char text[STATUS_MAX];

	if (fd_read_file(thread_fd, "status", text, sizeof(text)) < 0)
		return false;
	ret->thread_id = (int32_t)find_number(text, "\nNSpid:");
	ret->is_main = find_number(text, "\nTgid:") == id;
	if (fd_read_file(thread_fd, "syscall", text, sizeof(text)) < 0)
		return false;
	/* Number, six arguments, and the two. A running thread has none. */
	if (sscanf(text, "%*d %*s %*s %*s %*s %*s %*s %" SCNx64 " %" SCNx64, &ret->stack_pointer, &ret->instruction) != 2)
		ret->stack_pointer = ret->instruction = 0;
	return true;
}

/* Returns the socket for the answer; -errno. */
static int ask(const struct stacks *s, pid_t id)
{
	cleanup_close int thread_fd = open_thread(s, id);
	cleanup_close int mem_fd = -EBADF, maps_fd = -EBADF, their_fd = -EBADF, our_fd = -EBADF;
	struct stacks_request q = {0};
	int pair[2], r;

	if (thread_fd < 0 || !describe(thread_fd, id, &q))
		return -ESRCH;
	mem_fd = openat(thread_fd, "mem", O_RDONLY | O_CLOEXEC);
	maps_fd = openat(thread_fd, "maps", O_RDONLY | O_CLOEXEC);
	if (mem_fd < 0 || maps_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	our_fd = pair[0];
	their_fd = pair[1];
	r = fd_send(s->fd, &q, sizeof(q), (const int[STACKS_FDS]){mem_fd, maps_fd, their_fd}, STACKS_FDS);
	return r < 0 ? r : TAKE_FD(our_fd);
}

static void note_late(struct stacks *s)
{
	if (++s->late == STACKS_LATE_MAX)
		log_warning("reading call stacks takes too long; the rest of this run is recorded without");
}

bool stacks_read(struct stacks *s, pid_t id, char ret[STACK_TEXT_MAX])
{
	int none[FD_PASS_MAX];
	struct pollfd wait = {.events = POLLIN};
	cleanup_close int fd = -EBADF;
	ssize_t n;

	*ret = '\0';
	if (s->fd < 0 || id <= 0 || s->late >= STACKS_LATE_MAX)
		return false;
	fd = wait.fd = ask(s, id);
	if (fd < 0)
		return false;
	if (poll(&wait, 1, ANSWER_MS) != 1) {
		note_late(s);
		return false;
	}
	n = fd_receive(fd, ret, STACK_TEXT_MAX - 1, MSG_DONTWAIT, none);
	ret[n > 0 ? n : 0] = '\0';
	for (size_t i = 0; i < FD_PASS_MAX; i++)
		close_keep_errno(none[i]); /* nobody was asked for any */
	if (n > 0 && strlen(ret) == (size_t)n && stack_is_valid(ret))
		return true;
	*ret = '\0';
	return false;
}
