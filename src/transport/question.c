/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/question.h"

#include "base/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(NET_ROWS_MAX == NET_ACCOUNT_MAX + 1, "the rows, and one for the rest");

/* How much a verdict about one of the names counts. */
static int weight(struct net_policy *policy, const struct net_target *target)
{
	struct net_decision decision;

	net_policy_judge(policy, target, &decision);
	if (decision.verdict == CONSENT_DENY)
		return decision.reason == NET_BY_RULE ? 3 : 0;
	return decision.verdict == CONSENT_ALLOW ? 2 : 1;
}

struct net_address net_question_address(const struct net_question *q)
{
	struct net_address address = {.family = q->family};

	memcpy(&address.v6, q->address, q->family == AF_INET ? 4 : 16);
	return address;
}

bool net_question_target(struct net_policy *policy, struct net_question *q, struct net_target *ret)
{
	struct net_target target = {.address = net_question_address(q),
				    .port = q->port,
				    .protocol = (enum net_protocol)q->protocol};
	int best = -1;

	for (size_t i = 0; i < NET_NAMES_MAX; i++)
		q->names[i][NET_NAME_SIZE - 1] = '\0';
	if (q->kind == NET_ASK_NAME) {
		*ret = (struct net_target){.address.family = AF_UNSPEC, .name = q->names[0]};
		return true;
	}
	if (q->kind != NET_ASK_TARGET || (q->family != AF_INET && q->family != AF_INET6) ||
	    q->protocol > NET_ICMP || q->n_names > NET_NAMES_MAX)
		return false;
	*ret = target;
	for (size_t i = 0; i < q->n_names; i++) {
		int counts;

		target.name = q->names[i];
		counts = weight(policy, &target);
		if (counts <= best)
			continue;
		best = counts;
		*ret = target;
	}
	return true;
}

int net_question_receive(int fd, int flags, struct net_question *ret, int *ret_bytes_fd)
{
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(fd, ret, sizeof(*ret), flags, fds);

	if (n == sizeof(*ret) && ret->kind == NET_BEGINS && fds[0] >= 0)
		*ret_bytes_fd = TAKE_FD(fds[0]);
	for (size_t i = 0; i < FD_PASS_MAX; i++)
		close_keep_errno(fds[i]);
	return n == sizeof(*ret) ? 1 : n == -EAGAIN ? -EAGAIN : 0;
}

/* The app gets what transport/packet.h and transport/resolver.h make of a refusal. */
const char *net_question_refusal(const struct net_target *target, int *ret_code)
{
	bool lookup = target->address.family == AF_UNSPEC, tcp = target->protocol == NET_TCP;

	*ret_code = lookup ? -ENOENT : tcp ? -ECONNREFUSED : -EHOSTUNREACH;
	return lookup ? "look up" : tcp ? "connect" : "send";
}

void net_question_add_rows(const struct net_bytes bytes[NET_ROWS_MAX], struct net_account *account)
{
	for (uint32_t i = 0; i < NET_ROWS_MAX; i++)
		net_account_add_bytes(account, i, bytes[i].sent, bytes[i].received);
}

void net_question_add_bytes(int bytes_fd, struct net_account *account)
{
	struct net_bytes bytes[NET_ROWS_MAX];

	if (bytes_fd >= 0 && pread(bytes_fd, bytes, sizeof(bytes), 0) == sizeof(bytes))
		net_question_add_rows(bytes, account);
}

int net_question_servers(struct net_servers_seen *seen)
{
	static const char path[] = "/etc/resolv.conf";
	struct net_servers_seen now;
	struct stat st;
	int fd;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return -EBADF;
	now = (struct net_servers_seen){.device = st.st_dev,
					.inode = st.st_ino,
					.changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
					.bytes = st.st_size};
	if (memcmp(&now, seen, sizeof(now)) == 0)
		return -EBADF;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*seen = now;
	return fd < 0 ? -EBADF : fd;
}
