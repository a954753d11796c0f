/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net_program.h"

#include "broker/side_program.h"

void net_program_close(struct net_program *p)
{
	close_keep_errno(TAKE_FD(p->program_fd));
	close_keep_errno(TAKE_FD(p->init_fd));
	close_keep_errno(TAKE_FD(p->judge_fd));
}

int net_program_start(struct net_program *p)
{
	static const char *const argv[] = {"appsilo-net", "3", "4", NULL};
	const struct side_program program = {.program_fd = p->program_fd,
					     .argv = argv,
					     .fds = {p->init_fd, p->judge_fd},
					     .n_fds = 2,
					     .change_ids = p->change_ids,
					     .uid = p->uid,
					     .gid = p->gid};
	int r = side_program_start(&program);

	net_program_close(p);
	return r;
}
