/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net_watch.h"

#include "base/fd.h"
#include "base/log.h"
#include <string.h>
#include <sys/socket.h>

size_t net_watch_entries(const struct net_watch *w, struct pollfd *ret)
{
	if (w->program.init_fd < 0)
		return 0;
	if (!w->handed) {
		ret[0] = (struct pollfd){.fd = w->program.init_fd, .events = POLLIN};
		return 1;
	}
	for (size_t i = 0; i < NET_HANDOVER_FDS; i++)
		ret[i] = (struct pollfd){.fd = w->fds[i], .events = POLLIN};
	return NET_HANDOVER_FDS;
}

static void start(struct net_watch *w)
{
	const struct net_question begins = {.kind = NET_BEGINS};
	int r;

	/* Something waits: without the program, it would for ever. */
	(void)!fd_send(w->program.judge_fd, &begins, sizeof(begins), NULL, 0);
	r = net_program_start(&w->program);

	for (size_t i = 0; i < NET_HANDOVER_FDS; i++)
		close_keep_errno(TAKE_FD(w->fds[i]));
	if (r < 0) /* nothing goes out */
		log_warning("cannot start the network: %s", strerror(-r));
}

static void look_at_handover(struct net_watch *w)
{
	struct net_handover handover;
	int fds[FD_PASS_MAX];

	/* Init gave it up: there will be none. */
	if (fd_receive(w->program.init_fd, &handover, sizeof(handover), MSG_PEEK, fds) != sizeof(handover)) {
		net_program_close(&w->program);
		return;
	}
	memcpy(w->fds, fds, sizeof(w->fds));
	w->handed = true;
	/* Listeners for these follow, which are not watched here. */
	if (handover.n_loopback)
		start(w);
}

void net_watch_step(struct net_watch *w, const struct pollfd *polled, size_t n)
{
	bool ready = false;

	for (size_t i = 0; i < n; i++)
		ready = ready || polled[i].revents;
	if (ready && !w->handed)
		look_at_handover(w);
	else if (ready)
		start(w);
}
