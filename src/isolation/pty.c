/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/pty.h"

#include "base/clock.h"
#include "base/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

/* What the app printed before it asked is shown before the question, up to these. */
#define SETTLE_MS 1000
#define SETTLE_BYTES (256 * 1024)

/* A terminal that is not read (flow control, a stuck connection) must not stop the clock,
 * signals or a limit. The flag would be seen by every process that shares the terminal's
 * open file, so the terminal is opened again. Another user's terminal (su) cannot be:
 * then writes block, as those of any program do. */
static int open_quick(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int pick_input(const bool tty[3])
{
	for (int fd = 0; fd < 3; fd++)
		if (tty[fd] && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY)
			return fd;
	return -EBADF;
}

int pty_init(struct pty_relay *relay, const bool tty[3], struct output_budget *budget)
{
	memset(relay, 0, offsetof(struct pty_relay, keys)); /* pages of buffers stay untouched */
	relay->master_fd = relay->out_fd = relay->quick_fd = -EBADF;
	relay->budget = budget;
	pthread_mutex_init(&relay->io, NULL);
	relay->in_fd = pick_input(tty);
	for (int fd = 0; fd < 3; fd++)
		if (tty[(fd + 1) % 3] && relay->out_fd < 0)
			relay->out_fd = (fd + 1) % 3; /* stdout, stderr, stdin */
	if (relay->in_fd >= 0 && tcgetattr(relay->in_fd, &relay->before) < 0)
		relay->in_fd = -EBADF;
	if (relay->out_fd >= 0)
		relay->quick_fd = open_quick(relay->out_fd);
	relay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return relay->wake_fd < 0 ? -errno : 0;
}

bool pty_in_front(int fd)
{
	pid_t front = tcgetpgrp(fd);

	return front < 0 || front == getpgrp();
}

static bool is_held(const struct pty_relay *relay)
{
	return __atomic_load_n(&relay->held, __ATOMIC_ACQUIRE);
}

/* TCSANOW: the settings act on what is read and written from now on, and waiting for a
 * terminal that is not read could last for ever. */
static void set_raw(const struct pty_relay *relay)
{
	struct termios raw = relay->before;

	cfmakeraw(&raw);
	tcsetattr(relay->in_fd, TCSANOW, &raw);
}

bool pty_claim(struct pty_relay *relay)
{
	if (relay->master_fd < 0 || relay->in_fd < 0 || !pty_in_front(relay->in_fd))
		return false;
	/* A prompter that has it gives it back as we want it. */
	if (!relay->owned && !is_held(relay)) {
		/* The shell, or who used it until now, may have changed them. */
		tcgetattr(relay->in_fd, &relay->before);
		if (!relay->copied)
			tcsetattr(relay->master_fd, TCSANOW, &relay->before);
		relay->copied = true;
		set_raw(relay);
	}
	relay->owned = true;
	return true;
}

static void let_go(struct pty_relay *relay)
{
	if (relay->owned && pty_in_front(relay->in_fd))
		tcsetattr(relay->in_fd, TCSANOW, &relay->before);
	relay->owned = false;
}

static int writable_fd(const struct pty_relay *relay)
{
	return relay->quick_fd >= 0 ? relay->quick_fd : relay->out_fd;
}

/* Write what waits. Returns false when the terminal takes no more now. */
static bool write_output(struct pty_relay *relay)
{
	while (relay->n_output > 0) {
		ssize_t n = write(writable_fd(relay), relay->output + relay->output_at,
				  relay->n_output);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			/* Nowhere to print to any more. */
			relay->n_output = 0;
			relay->ended = true;
			return true;
		}
		relay->n_output -= (size_t)n;
		relay->output_at += (size_t)n;
	}
	return true;
}

/* Returns false when the app has printed nothing more that may be shown. */
static bool read_output(struct pty_relay *relay)
{
	ssize_t n;

	if (atomic_load(&relay->budget->exceeded))
		return false;
	n = read(relay->master_fd, relay->output, sizeof(relay->output));
	if (n <= 0)
		return n < 0 && errno == EINTR;
	relay->n_output = output_budget_take(relay->budget, (size_t)n);
	relay->output_at = 0;
	term_state_feed(&relay->state, relay->output, relay->n_output);
	return relay->n_output > 0;
}

/* Write bytes of our own, after the app's, waiting for a slow terminal only so long. */
static void say(struct pty_relay *relay, const char *bytes, size_t size)
{
	int64_t end_ms = clock_monotonic_ms() + SETTLE_MS;

	while (size > 0) {
		struct pollfd pfd = {.fd = writable_fd(relay), .events = POLLOUT};
		ssize_t n;

		if (poll(&pfd, 1, SETTLE_MS) <= 0 || clock_monotonic_ms() > end_ms)
			return;
		n = write(pfd.fd, bytes, size);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return;
		bytes += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
}

/* Show what the app printed up to now. */
static void settle(struct pty_relay *relay, size_t most)
{
	int64_t end_ms = clock_monotonic_ms() + SETTLE_MS;
	size_t moved = 0;

	while (clock_monotonic_ms() <= end_ms && !relay->ended) {
		struct pollfd pfd = {.fd = writable_fd(relay), .events = POLLOUT};

		if (!write_output(relay)) {
			if (poll(&pfd, 1, SETTLE_MS) <= 0)
				return;
			continue;
		}
		if (relay->master_fd < 0 || moved >= most || !read_output(relay))
			return;
		moved += relay->n_output;
	}
}

void pty_done(struct pty_relay *relay)
{
	char bytes[TERM_SEQUENCE_MAX];

	say(relay, bytes, term_state_off(&relay->state, bytes));
	let_go(relay);
	close_keep_errno(TAKE_FD(relay->master_fd));
	close_keep_errno(TAKE_FD(relay->quick_fd));
	close_keep_errno(TAKE_FD(relay->wake_fd));
}

void pty_start(struct pty_relay *relay, int master_fd, bool owned)
{
	struct termios settings;

	relay->master_fd = master_fd;
	fcntl(master_fd, F_SETFL, fcntl(master_fd, F_GETFL) | O_NONBLOCK);
	if (tcgetattr(relay->in_fd >= 0 ? relay->in_fd : relay->out_fd, &settings) == 0)
		tcsetattr(master_fd, TCSANOW, &settings);
	pty_resize(relay);
	if (owned)
		(void)pty_claim(relay); /* lost already: the app is stopped when it wants keys */
}

void pty_resize(struct pty_relay *relay)
{
	struct winsize size;

	if (relay->master_fd >= 0 && ioctl(relay->out_fd, TIOCGWINSZ, &size) == 0)
		ioctl(relay->master_fd, TIOCSWINSZ, &size);
}

size_t pty_poll_entries(const struct pty_relay *relay, struct pollfd *entries)
{
	bool keys = relay->owned && relay->n_keys < sizeof(relay->keys);

	entries[0] = (struct pollfd){.fd = relay->wake_fd, .events = POLLIN};
	if (relay->master_fd < 0 || is_held(relay))
		return 1;
	entries[1] = (struct pollfd){.fd = relay->master_fd};
	if (relay->n_output == 0)
		entries[1].events |= POLLIN;
	if (relay->n_keys > 0)
		entries[1].events |= POLLOUT;
	/* With no events asked for, the end of the terminal is still reported. */
	entries[2] = (struct pollfd){.fd = relay->in_fd, .events = keys ? POLLIN : 0};
	entries[3] = (struct pollfd){.fd = writable_fd(relay),
				     .events = relay->n_output > 0 ? POLLOUT : 0};
	return 4;
}

static void read_keys(struct pty_relay *relay)
{
	ssize_t n;

	if (!pty_in_front(relay->in_fd)) {
		relay->owned = false;
		relay->lost = true;
		return;
	}
	n = read(relay->in_fd, relay->keys + relay->n_keys, sizeof(relay->keys) - relay->n_keys);
	if (n > 0)
		relay->n_keys += (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		relay->ended = true;
}

static void write_keys(struct pty_relay *relay)
{
	ssize_t n = write(relay->master_fd, relay->keys, relay->n_keys);

	if (n <= 0)
		return;
	relay->n_keys -= (size_t)n;
	memmove(relay->keys, relay->keys + n, relay->n_keys);
}

/* At most a few reads a turn: keys, signals and the clock have their turn too. */
static void move_output(struct pty_relay *relay, short events)
{
	bool more = true;

	for (int i = 0; i < 16 && more && write_output(relay); i++)
		more = events & (POLLIN | POLLHUP) && read_output(relay);
	if (!more && events & POLLHUP && relay->n_output == 0)
		close_keep_errno(TAKE_FD(relay->master_fd));
}

void pty_hang_up(struct pty_relay *relay)
{
	close_keep_errno(TAKE_FD(relay->master_fd));
	relay->owned = false;
	relay->n_output = relay->n_keys = 0;
}

void pty_step(struct pty_relay *relay, const struct pollfd *entries, size_t n)
{
	uint64_t count;

	if (entries[0].revents)
		(void)!read(relay->wake_fd, &count, sizeof(count));
	if (n < 4 || pthread_mutex_trylock(&relay->io) != 0)
		return;
	if (!is_held(relay)) {
		if (entries[2].revents & POLLIN)
			read_keys(relay);
		if (relay->n_keys > 0)
			write_keys(relay);
		if (relay->n_output > 0 || entries[1].revents & (POLLIN | POLLHUP))
			move_output(relay, entries[1].revents);
		if ((entries[2].revents | entries[3].revents) & (POLLHUP | POLLERR | POLLNVAL))
			relay->ended = true;
		if (relay->ended)
			pty_hang_up(relay);
	}
	pthread_mutex_unlock(&relay->io);
}

void pty_drain(struct pty_relay *relay, int patience_ms)
{
	if (relay->master_fd < 0)
		return;
	pthread_mutex_lock(&relay->io);
	do {
		struct pollfd pfd = {.fd = writable_fd(relay), .events = POLLOUT};

		if (!write_output(relay) && poll(&pfd, 1, patience_ms) <= 0)
			break;
	} while (relay->n_output > 0 || (!relay->ended && read_output(relay)));
	pthread_mutex_unlock(&relay->io);
}

bool pty_was_lost(struct pty_relay *relay)
{
	return TAKE(relay->lost, false);
}

static void wake(struct pty_relay *relay)
{
	uint64_t one = 1;

	(void)!write(relay->wake_fd, &one, sizeof(one));
}

void pty_take(struct pty_relay *relay)
{
	char bytes[TERM_SEQUENCE_MAX];

	__atomic_store_n(&relay->held, true, __ATOMIC_RELEASE);
	wake(relay);
	pthread_mutex_lock(&relay->io);
	if (relay->master_fd >= 0)
		settle(relay, SETTLE_BYTES);
	say(relay, bytes, term_state_off(&relay->state, bytes));
	if (relay->owned)
		tcsetattr(relay->in_fd, TCSANOW, &relay->before);
}

void pty_release(struct pty_relay *relay)
{
	char bytes[TERM_SEQUENCE_MAX];
	struct termios app;

	if (relay->owned && pty_in_front(relay->in_fd))
		set_raw(relay);
	say(relay, bytes, term_state_on(&relay->state, bytes));
	/* Line editors (not canonical) draw their line again, full-screen programs all. */
	if (relay->master_fd >= 0 && (term_state_is_full_screen(&relay->state) ||
				      (tcgetattr(relay->master_fd, &app) == 0 &&
				       !(app.c_lflag & ICANON))))
		relay->repaint_due = true;
	__atomic_store_n(&relay->held, false, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&relay->io);
	wake(relay);
}

void pty_answered(struct pty_relay *relay)
{
	if (!TAKE(relay->repaint_due, false))
		return;
	__atomic_store_n(&relay->repaint, true, __ATOMIC_RELEASE);
	wake(relay);
}

bool pty_wants_repaint(struct pty_relay *relay)
{
	return __atomic_exchange_n(&relay->repaint, false, __ATOMIC_ACQ_REL);
}

bool pty_type(struct pty_relay *relay, char key)
{
	/* The prompter's thread has the lock; a full terminal buffer loses the key. */
	return relay->owned && relay->master_fd >= 0 && write(relay->master_fd, &key, 1) == 1;
}

bool pty_suspend(struct pty_relay *relay)
{
	bool owned = relay->owned, free = pthread_mutex_trylock(&relay->io) == 0;

	if (free && relay->master_fd >= 0)
		settle(relay, SETTLE_BYTES); /* a full-screen program has just left its screen */
	if (free)
		pthread_mutex_unlock(&relay->io);
	if (relay->in_fd >= 0)
		tcgetattr(relay->in_fd, &relay->suspended); /* a prompter may be asking on it */
	if (relay->in_fd >= 0 && (owned || !free) && pty_in_front(relay->in_fd))
		tcsetattr(relay->in_fd, TCSANOW, &relay->before);
	relay->owned = false;
	return owned;
}

bool pty_resume(struct pty_relay *relay, bool claim)
{
	pty_resize(relay);
	claim = claim && pty_claim(relay);
	if (is_held(relay) && relay->in_fd >= 0 && pty_in_front(relay->in_fd))
		tcsetattr(relay->in_fd, TCSANOW, &relay->suspended);
	return claim;
}
