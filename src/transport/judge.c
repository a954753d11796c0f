/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/judge.h"

#include "base/fd.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int judge_share(struct judge *j)
{
	size_t size = NET_ROWS_MAX * sizeof(*j->bytes);
	cleanup_close int fd = memfd_create("bytes", MFD_CLOEXEC);
	void *shared;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return -errno;
	j->bytes = shared;
	j->bytes_fd = TAKE_FD(fd);
	return 0;
}

void judge_begins(struct judge *j)
{
	const struct net_question begins = {.kind = NET_BEGINS};

	if (fd_send(j->fd, &begins, sizeof(begins), &j->bytes_fd, 1) < 0)
		_exit(0);
	close_keep_errno(TAKE_FD(j->bytes_fd));
}

int judge_takes_servers(struct judge *j)
{
	return TAKE_FD(j->servers_fd);
}

void judge_count(struct judge *j, uint32_t row, size_t sent, size_t received)
{
	struct net_bytes *b = &j->bytes[row < NET_ROWS_MAX ? row : 0];

	__atomic_store_n(&b->sent, b->sent + sent, __ATOMIC_RELAXED);
	__atomic_store_n(&b->received, b->received + received, __ATOMIC_RELAXED);
}

/* Returns false when there is nothing to receive (with MSG_DONTWAIT). */
static bool receive(struct judge *j, int flags, struct net_answer *ret)
{
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(j->fd, ret, sizeof(*ret), flags, fds);

	if (fds[0] >= 0) {
		close_keep_errno(j->servers_fd);
		j->servers_fd = fds[0];
	}
	if (n == -EAGAIN)
		return false;
	/* Without a judge nothing may pass any more, and nothing waits for it either. */
	if (n != sizeof(*ret))
		_exit(0);
	return true;
}

/* However many come, they are one. */
static bool note_doubt(struct judge *j, const struct net_answer *answer)
{
	j->doubt = j->doubt || answer->id == 0;
	return answer->id == 0;
}

enum consent_verdict judge_decide(struct judge *j, struct net_question *question, uint32_t *ret_row)
{
	struct net_answer answer;

	question->id = ++j->last_id;
	if (fd_send(j->fd, question, sizeof(*question), NULL, 0) < 0)
		_exit(0);
	for (;;) {
		(void)receive(j, 0, &answer);
		if (!answer.late)
			break;
		if (note_doubt(j, &answer))
			continue;
		if (j->n_late == JUDGE_LATE_MAX)
			_exit(1); /* more answers than there can be questions */
		j->late[j->n_late++] = answer;
	}
	*ret_row = answer.row;
	if (answer.id != question->id)
		return CONSENT_DENY;
	return answer.verdict == CONSENT_ALLOW ? CONSENT_ALLOW
	       : answer.verdict == CONSENT_ASK ? CONSENT_ASK
					       : CONSENT_DENY;
}

void judge_tell(struct judge *j, const struct net_question *told)
{
	if (fd_send(j->fd, told, sizeof(*told), NULL, 0) < 0)
		_exit(0);
}

bool judge_next_late(struct judge *j, struct net_answer *ret)
{
	if (j->n_late > 0) {
		*ret = j->late[--j->n_late];
		return true;
	}
	while (receive(j, MSG_DONTWAIT, ret))
		if (!note_doubt(j, ret))
			return true;
	return false;
}

bool judge_takes_doubt(struct judge *j)
{
	bool doubt = j->doubt;

	j->doubt = false;
	return doubt;
}

bool judge_has_news(const struct judge *j)
{
	return j->n_late > 0 || j->doubt;
}
