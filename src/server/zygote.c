/* SPDX-License-Identifier: Apache-2.0 */
#include "server/zygote.h"

#include "base/fd.h"
#include "base/hash.h"
#include "isolation/confine.h"
#include "isolation/init.h"
#include "isolation/kernel.h"
#include "server/huge_text.h"
#include "server/nest.h"
#include "server/zygote_child.h"
#include "server/zygote_trial.h"
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define DISK_BYTES_DEFAULT (64u << 20)
/* Network namespaces for sandboxes that live at the same time. */
#define SLOTS_MAX 8192

/* A network namespace with nothing but its loopback. Making one is the largest part of making a
 * sandbox, so it is used again once all of a sandbox is gone, if no packet was ever sent in it:
 * then nothing can have outlived its sockets. Two that live at the same time never share one. */
struct slot {
	int net_fd;	  /* -EBADF: not made yet */
	pid_t pid;	  /* of the init that uses it; 0: free */
	uint64_t unused; /* the digest of its counters when it was new */
};

struct zygote {
	const struct zygote_guest *guest;
	struct nest nest;
	const struct hot_pages *hot; /* NULL: not known */
	struct slot slots[SLOTS_MAX];
	size_t n_slots;
};

static void tell(enum zygote_kind kind, const char *text)
{
	struct zygote_message m = {.kind = kind};

	snprintf(m.text, sizeof(m.text), "%s", text);
	/* With the pool gone there is nobody left to tell. */
	(void)!fd_send(ZYGOTE_FD, &m, sizeof(m), NULL, 0);
}

static void fail(const struct appsilo_error *err) __attribute__((noreturn));

static void fail(const struct appsilo_error *err)
{
	tell(ZYGOTE_FAILED, err->line);
	_exit(125);
}

/* Over network namespaces of its own it needs capabilities: in a user namespace of its own. */
static int enter_own_users(struct zygote *z, struct appsilo_error *err)
{
	int r;

	z->nest.uid = geteuid();
	z->nest.gid = getegid();
	if (unshare(CLONE_NEWUSER) < 0)
		return error_set(err, -errno, "zygote: user namespace");
	r = init_write_id_maps(0, z->nest.uid, z->nest.gid, true);
	return r < 0 ? error_set(err, r, "zygote: map ids") : 0;
}

static int raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* Of the network namespace that we are in: packets, and what was refused before there was one
 * (which is no secret). 0: not known. */
static uint64_t digest_counters(void)
{
	static const char *const files[] = {"/proc/self/net/dev", "/proc/self/net/snmp",
					     "/proc/self/net/snmp6"};
	uint64_t digest = HASH_START;
	char text[16384];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		ssize_t n = fd_read_file(AT_FDCWD, files[i], text, sizeof(text));

		if (n <= 0 && n != -ENOENT) /* no IPv6 here */
			return 0;
		digest = hash_bytes(digest, text, n > 0 ? (size_t)n : 0);
	}
	return digest;
}

static int make_network(struct slot *slot)
{
	int r;

	close_keep_errno(TAKE_FD(slot->net_fd));
	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	r = raise_loopback();
	if (r < 0)
		return r;
	slot->unused = digest_counters();
	slot->net_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return slot->net_fd < 0 ? -errno : 0;
}

static int enter_network(struct slot *slot)
{
	if (slot->net_fd < 0)
		return make_network(slot);
	if (setns(slot->net_fd, CLONE_NEWNET) < 0)
		return -errno;
	return slot->unused && digest_counters() == slot->unused ? 0 : make_network(slot);
}

static int take_slot(struct zygote *z, struct slot **ret)
{
	struct slot *slot = NULL;

	for (size_t i = 0; i < z->n_slots && !slot; i++)
		if (z->slots[i].pid == 0)
			slot = &z->slots[i];
	if (!slot && z->n_slots == SLOTS_MAX)
		return -EMFILE;
	if (!slot) {
		slot = &z->slots[z->n_slots];
		*slot = (struct slot){.net_fd = -EBADF};
		z->n_slots++;
	}
	*ret = slot;
	return enter_network(slot);
}

static void report_failure(int socket_fd, int code)
{
	struct zygote_report report = {.word = ZYGOTE_CHILD_FAILED};

	snprintf(report.text, sizeof(report.text), "sandbox: cannot make its namespaces: %s",
		 strerror(-code));
	(void)!fd_write_all(socket_fd, &report, sizeof(report)); /* or nobody waits for it */
}

/* @fds  its socket, then its control group's */
static void make(struct zygote *z, const int fds[FD_PASS_MAX])
{
	struct slot *slot = NULL;
	int r = take_slot(z, &slot);

	if (r == 0)
		r = zygote_child_make(z->guest, &z->nest, z->hot, NULL, fds);
	if (r < 0)
		report_failure(fds[0], r);
	else
		slot->pid = r;
	for (size_t i = 0; i < FD_PASS_MAX; i++)
		close_keep_errno(fds[i]);
}

/* What wait tells of is gone as a whole, with all that lived in its pid namespace. */
static void reap(struct zygote *z)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (size_t i = 0; i < z->n_slots; i++)
			if (z->slots[i].pid == pid)
				z->slots[i].pid = 0;
}

static int configure(struct zygote *z, struct appsilo_error *err)
{
	struct zygote_message m;
	int fds[FD_PASS_MAX];
	int r;

	if (fd_receive(ZYGOTE_FD, &m, sizeof(m), 0, fds) != sizeof(m) || m.kind != ZYGOTE_CONFIGURE)
		_exit(125);
	m.text[sizeof(m.text) - 1] = '\0';
	z->nest.disk_bytes = m.disk_bytes ? m.disk_bytes : DISK_BYTES_DEFAULT;
	z->nest.files_bytes = m.files_bytes;
	r = enter_own_users(z, err);
	return r < 0 ? r : z->guest->load(m.text, err);
}

/* Only this thread is copied: what another one holds would be held for ever. */
static int check_alone(struct appsilo_error *err)
{
	char text[4096];
	ssize_t n = fd_read_file(AT_FDCWD, "/proc/self/stat", text, sizeof(text));
	char *at = n > 0 ? strrchr(text, ')') : NULL;
	int threads = 0;

	/* Field 20; the first after the name is the third. */
	if (!at || sscanf(at + 1,
			  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d",
			  &threads) != 1)
		return error_set(err, -EINVAL, "zygote: /proc/self/stat");
	if (threads != 1)
		return error_say(
			err, -EBUSY,
			"zygote: what was preloaded has started threads (%d); leave it out of the "
			"preload list",
			threads - 1);
	return 0;
}

static int watch_children(int *ret_fd, struct appsilo_error *err)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &child, NULL) < 0)
		return error_set(err, -errno, "zygote: signals");
	*ret_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? error_set(err, -errno, "zygote: signals") : 0;
}

static void take_order(struct zygote *z)
{
	struct zygote_message m;
	int fds[FD_PASS_MAX];

	/* The pool is gone, and so is what all of this is for: our init takes the children along.
	 */
	if (fd_receive(ZYGOTE_FD, &m, sizeof(m), 0, fds) != sizeof(m) || m.kind != ZYGOTE_MAKE ||
	    fds[0] < 0)
		_exit(0);
	make(z, fds);
}

void zygote_serve(const struct zygote_guest *guest)
{
	static struct zygote zygote; /* large; zeroed */
	struct zygote *z = &zygote;
	struct appsilo_error err = {0};
	struct pollfd fds[2] = {{.fd = ZYGOTE_FD, .events = POLLIN}, {.events = POLLIN}};

	z->guest = guest;
	zygote_hurry(false);
	fd_raise_limit(); /* one for each network namespace */
	if (configure(z, &err) < 0 || check_alone(&err) < 0 || watch_children(&fds[1].fd, &err) < 0)
		fail(&err);
	close(ZYGOTE_PROGRAM_FD);
	huge_text();
	z->hot = zygote_trial(guest, &z->nest);
	tell(ZYGOTE_READY, "");
	for (;;) {
		struct signalfd_siginfo info;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			_exit(125);
		while (read(fds[1].fd, &info, sizeof(info)) > 0)
			;
		reap(z);
		if (fds[0].revents)
			take_order(z);
	}
}
