/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong here makes sandboxes slower, and is told by the first real one. */
#include "server/zygote_trial.h"

#include "base/fd.h"
#include "server/zygote_child.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* All words up to @word. */
static bool wait_for(int fd, enum zygote_word word)
{
	struct zygote_report report;

	while (fd_receive_long(fd, &report, sizeof(report)) == 0)
		if (report.word == word)
			return true;
	return false;
}

static bool give_run(const struct zygote_guest *guest, int fd)
{
	const struct zygote_spec spec = {.payload_bytes = (uint32_t)guest->trial_bytes};
	cleanup_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[] = {null_fd, null_fd, null_fd};

	return null_fd >= 0 && fd_send(fd, &spec, sizeof(spec), fds, 3) == 0 &&
	       fd_write_all(fd, guest->trial, guest->trial_bytes) == 0;
}

static void run(const struct zygote_guest *guest, const struct nest *nest, struct hot_trial *trial)
{
	int pair[2], theirs[FD_PASS_MAX];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	for (size_t i = 0; i < FD_PASS_MAX; i++)
		theirs[i] = i == 0 ? pair[1] : -EBADF;
	pid = zygote_child_make(guest, nest, NULL, trial, theirs);
	close(pair[1]);
	if (pid > 0 && wait_for(pair[0], ZYGOTE_CHILD_READY) && give_run(guest, pair[0]))
		(void)wait_for(pair[0], ZYGOTE_CHILD_ENDED);
	close(pair[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

const struct hot_pages *zygote_trial(const struct zygote_guest *guest, const struct nest *nest)
{
	struct hot_trial *trial = guest->trial ? hot_trial_new() : NULL;

	if (!trial)
		return NULL;
	run(guest, nest, trial);
	return hot_trial_end(trial);
}
