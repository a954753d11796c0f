/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/question.h"

#include <string.h>

/* How much a verdict about one of the names counts. */
static int weight(struct net_policy *policy, const struct net_target *target)
{
	struct net_decision decision;

	net_policy_judge(policy, target, &decision);
	if (decision.verdict == CONSENT_DENY)
		return decision.reason == NET_BY_RULE ? 3 : 0;
	return decision.verdict == CONSENT_ALLOW ? 2 : 1;
}

bool net_question_target(struct net_policy *policy, struct net_question *q, struct net_target *ret)
{
	struct net_target target = {.address.family = q->family,
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
	memcpy(&target.address.v6, q->address, q->family == AF_INET ? 4 : 16);
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
