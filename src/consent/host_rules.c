/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/host_rules.h"

#include <string.h>

struct collected {
	struct net_rule *rules; /* owned */
	size_t n, allocated;
};

static void collected_done(struct collected *c)
{
	free(c->rules);
}

static int collect(void *data, const struct consent_host_rule *stored)
{
	struct collected *c = data;
	struct net_rule rule = {.verdict = stored->verdict,
				.scope = CONSENT_ALWAYS,
				.source = stored->source};

	if (host_pattern_parse(stored->host, strlen(stored->host), &rule.pattern, NULL) < 0)
		return -EUCLEAN;
	if (c->n == c->allocated) {
		size_t more = c->allocated ? 2 * c->allocated : 16;
		void *bigger = reallocarray(c->rules, more, sizeof(*c->rules));

		if (!bigger)
			return -ENOMEM;
		c->rules = bigger;
		c->allocated = more;
	}
	c->rules[c->n++] = rule;
	return 0;
}

int host_rules_load(struct consent_store *store, const char *family, struct net_policy *policy,
		    struct appsilo_error *err)
{
	cleanup(collected_done) struct collected c = {0};
	int r = consent_store_each_host(store, family, collect, &c, err);

	if (r == 0)
		r = consent_store_each_host(store, CONSENT_ALL_FAMILIES, collect, &c, err);
	if (r < 0)
		return r;
	r = net_policy_replace_stored(policy, c.rules, c.n);
	return r < 0 ? error_set(err, r, "consent store: rules about hosts") : 0;
}
