/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/pty.h"

#include "base/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

int pty_init(struct pty_relay *relay)
{
	*relay = (struct pty_relay){.master_fd = -EBADF, .in_fd = -EBADF, .out_fd = -EBADF};
	pthread_mutex_init(&relay->io, NULL);
	relay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return relay->wake_fd < 0 ? -errno : 0;
}

static void go_raw(struct pty_relay *relay)
{
	struct termios raw = relay->before;

	if (relay->in_fd < 0 || relay->raw)
		return;
	cfmakeraw(&raw);
	relay->raw = tcsetattr(relay->in_fd, TCSADRAIN, &raw) == 0;
}

static void go_normal(struct pty_relay *relay)
{
	if (relay->raw)
		tcsetattr(relay->in_fd, TCSADRAIN, &relay->before);
	relay->raw = false;
}

void pty_done(struct pty_relay *relay)
{
	go_normal(relay);
	close_keep_errno(TAKE_FD(relay->master_fd));
	close_keep_errno(TAKE_FD(relay->wake_fd));
}

void pty_start(struct pty_relay *relay, int master_fd, const bool tty[3])
{
	relay->master_fd = master_fd;
	relay->in_fd = tty[0] ? STDIN_FILENO : -EBADF;
	relay->out_fd = tty[1] ? STDOUT_FILENO : tty[2] ? STDERR_FILENO : STDIN_FILENO;
	fcntl(master_fd, F_SETFL, fcntl(master_fd, F_GETFL) | O_NONBLOCK);
	if (tcgetattr(relay->out_fd, &relay->before) == 0)
		tcsetattr(master_fd, TCSANOW, &relay->before);
	pty_resize(relay);
	go_raw(relay);
}

void pty_resize(struct pty_relay *relay)
{
	struct winsize size;

	if (relay->master_fd >= 0 && ioctl(relay->out_fd, TIOCGWINSZ, &size) == 0)
		ioctl(relay->master_fd, TIOCSWINSZ, &size);
}

static bool is_held(const struct pty_relay *relay)
{
	return __atomic_load_n(&relay->held, __ATOMIC_ACQUIRE);
}

size_t pty_poll_entries(const struct pty_relay *relay, struct pollfd *entries)
{
	entries[0] = (struct pollfd){.fd = relay->wake_fd, .events = POLLIN};
	if (relay->master_fd < 0 || is_held(relay))
		return 1;
	entries[1] = (struct pollfd){.fd = relay->master_fd, .events = POLLIN};
	if (relay->pending_used > 0)
		entries[1].events |= POLLOUT;
	if (relay->in_fd < 0 || relay->in_closed || relay->pending_used == sizeof(relay->pending))
		return 2;
	entries[2] = (struct pollfd){.fd = relay->in_fd, .events = POLLIN};
	return 3;
}

static void read_keys(struct pty_relay *relay)
{
	ssize_t n = read(relay->in_fd, relay->pending + relay->pending_used,
			 sizeof(relay->pending) - relay->pending_used);

	if (n > 0)
		relay->pending_used += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		relay->in_closed = true;
}

static void write_keys(struct pty_relay *relay)
{
	ssize_t n = write(relay->master_fd, relay->pending, relay->pending_used);

	if (n <= 0)
		return;
	relay->pending_used -= (size_t)n;
	memmove(relay->pending, relay->pending + n, relay->pending_used);
}

/* Returns false when there is nothing more. */
static bool write_output(struct pty_relay *relay)
{
	char buffer[16384];
	ssize_t n = read(relay->master_fd, buffer, sizeof(buffer));

	if (n <= 0)
		return n < 0 && errno == EINTR;
	/* The user's terminal is gone: there is nowhere to print to. */
	(void)!fd_write_all(relay->out_fd, buffer, (size_t)n);
	return true;
}

void pty_step(struct pty_relay *relay, const struct pollfd *entries, size_t n)
{
	uint64_t count;

	if (entries[0].revents)
		(void)!read(relay->wake_fd, &count, sizeof(count));
	if (n < 2 || pthread_mutex_trylock(&relay->io) != 0)
		return;
	if (!is_held(relay)) {
		if (n > 2 && entries[2].revents)
			read_keys(relay);
		if (relay->pending_used > 0)
			write_keys(relay);
		if (entries[1].revents & (POLLIN | POLLHUP))
			if (!write_output(relay) && (entries[1].revents & POLLHUP))
				close_keep_errno(TAKE_FD(relay->master_fd));
	}
	pthread_mutex_unlock(&relay->io);
}

void pty_drain(struct pty_relay *relay)
{
	if (relay->master_fd < 0)
		return;
	while (write_output(relay))
		;
}

static void wake(struct pty_relay *relay)
{
	uint64_t one = 1;

	(void)!write(relay->wake_fd, &one, sizeof(one));
}

void pty_take(struct pty_relay *relay)
{
	__atomic_store_n(&relay->held, true, __ATOMIC_RELEASE);
	wake(relay);
	pthread_mutex_lock(&relay->io);
	go_normal(relay);
}

void pty_release(struct pty_relay *relay)
{
	if (relay->master_fd >= 0)
		go_raw(relay);
	__atomic_store_n(&relay->held, false, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&relay->io);
	wake(relay);
}

void pty_suspend(struct pty_relay *relay)
{
	go_normal(relay);
}

void pty_resume(struct pty_relay *relay)
{
	pty_resize(relay);
	go_raw(relay);
}
