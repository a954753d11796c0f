/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/judge.h"

#include "base/fd.h"
#include <sys/socket.h>

/* Returns false when there is nothing to receive (with MSG_DONTWAIT). */
static bool receive(struct judge *j, int flags, struct net_answer *ret)
{
	int none[FD_PASS_MAX];
	ssize_t n = fd_receive(j->fd, ret, sizeof(*ret), flags, none);

	if (n == -EAGAIN)
		return false;
	/* Without a judge nothing may pass any more, and nothing waits for it either. */
	if (n != sizeof(*ret))
		_exit(0);
	return true;
}

enum consent_verdict judge_decide(struct judge *j, struct net_question *question)
{
	struct net_answer answer;

	question->id = ++j->last_id;
	if (fd_send(j->fd, question, sizeof(*question), NULL, 0) < 0)
		_exit(0);
	for (;;) {
		(void)receive(j, 0, &answer);
		if (!answer.late)
			break;
		if (j->n_late == JUDGE_LATE_MAX)
			_exit(1); /* more answers than there can be questions */
		j->late[j->n_late++] = answer;
	}
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
	return receive(j, MSG_DONTWAIT, ret);
}
