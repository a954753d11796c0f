/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/question.h"

#include <string.h>

size_t net_question_targets(struct net_question *q, struct net_target ret[NET_NAMES_MAX])
{
	struct net_target target = {.address.family = q->family,
				    .port = q->port,
				    .protocol = (enum net_protocol)q->protocol};
	size_t n = 0;

	if ((q->family != AF_INET && q->family != AF_INET6) || q->protocol > NET_ICMP ||
	    q->n_names > NET_NAMES_MAX)
		return 0;
	memcpy(&target.address.v6, q->address, q->family == AF_INET ? 4 : 16);
	for (size_t i = 0; i < q->n_names; i++) {
		q->names[i][NET_NAME_SIZE - 1] = '\0';
		target.name = q->names[i];
		ret[n++] = target;
	}
	if (n == 0)
		ret[n++] = target;
	return n;
}

enum consent_verdict net_question_decide(struct net_policy *policy, struct net_question *q)
{
	struct net_target targets[NET_NAMES_MAX];
	enum consent_verdict best = CONSENT_DENY;
	size_t n;

	if (q->kind == NET_ASK_NAME) {
		q->names[0][NET_NAME_SIZE - 1] = '\0';
		return net_policy_decide_name(policy, q->names[0]);
	}
	n = q->kind == NET_ASK_TARGET ? net_question_targets(q, targets) : 0;
	for (size_t i = 0; i < n; i++) {
		struct net_decision one;

		net_policy_judge(policy, &targets[i], &one);
		if (one.verdict == CONSENT_DENY && one.reason == NET_BY_RULE)
			return CONSENT_DENY;
		if (one.verdict == CONSENT_ALLOW || (one.verdict == CONSENT_ASK && best == CONSENT_DENY))
			best = one.verdict;
	}
	return best;
}
