/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stacks_start.h"

#include "broker/side_program.h"
#include "cli/programs.h"
#include <fcntl.h>
#include <sys/socket.h>

int stacks_start(const struct plan *plan, int *ret_fd, struct appsilo_error *err)
{
	static const char *const argv[] = {"appsilo-stacks", NULL};
	cleanup_close int program_fd = -EBADF, their_fd = -EBADF;
	struct side_program program = {
		.argv = argv, .n_fds = 1, .change_ids = plan->change_ids, .uid = plan->uid, .gid = plan->gid};
	char path[PATH_MAX];
	int pair[2], r = programs_find("appsilo-stacks", path, err);

	if (r < 0)
		return error_prefix(err, "run: --profile with stacks");
	program_fd = program.program_fd = open(path, O_PATH | O_CLOEXEC);
	if (program_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, "run: %s", path);
	their_fd = program.fds[0] = pair[1];
	*ret_fd = pair[0];
	r = side_program_start(&program);
	return r < 0 ? error_set(err, r, "run: start %s", path) : 0;
}
