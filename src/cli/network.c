/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/network.h"

#include "network/options.h"
#include <string.h>

const char *const network_proxy_variables[] = {"http_proxy",  "https_proxy", "all_proxy",
					       "ftp_proxy",   "HTTP_PROXY",  "HTTPS_PROXY",
					       "ALL_PROXY",   "FTP_PROXY",   NULL};

bool network_wanted(const struct run_options *o)
{
	for (size_t i = 0; i < o->n_hosts; i++)
		if (!o->hosts[i].deny)
			return true;
	return o->net_capabilities || o->proxy;
}

bool network_asks(const struct run_options *o)
{
	bool none = o->net && !o->net_capabilities;

	return !none && run_needs_broker(o);
}

static int add_hosts(const struct run_options *o, struct net_policy *policy,
		     struct appsilo_error *err)
{
	for (size_t i = 0; i < o->n_hosts; i++) {
		const char *host = o->hosts[i].host;
		struct net_rule rule = {
			.verdict = o->hosts[i].deny ? CONSENT_DENY : CONSENT_ALLOW,
			.scope = CONSENT_SESSION,
			.source = CONSENT_FROM_COMMAND_LINE,
		};
		int r = o->hosts[i].deny
				? host_pattern_parse(host, strlen(host), &rule.pattern, err)
				: host_pattern_parse_allow(host, strlen(host), &rule.pattern, err);

		if (r < 0)
			return error_prefix(err, "run: rule for a host");
		r = net_policy_add(policy, &rule);
		if (r < 0)
			return error_set(err, r, "run: rule for a host");
	}
	return 0;
}

static int add_ports(const struct run_options *o, struct net_policy *policy,
		     struct appsilo_error *err)
{
	if (o->n_publish > 0 && !(o->net_capabilities & (NET_CAP_SERVER | NET_CAP_PRIVATE)))
		return error_say(err, -EINVAL,
				 "run: --publish lets others in: it needs --net client-server or private");
	for (size_t i = 0; i < o->n_publish; i++) {
		struct net_publish publish;
		int r = net_parse_publish(o->publish[i], &publish, err);

		if (r == 0)
			r = net_policy_publish(policy, publish.app_port);
		if (r < 0)
			return error_set(err, r, "run: --publish");
	}
	return 0;
}

int network_policy(const struct run_options *o, struct net_policy **ret, struct appsilo_error *err)
{
	cleanup(net_policy_freep) struct net_policy *policy =
		net_policy_new(o->net_capabilities, network_asks(o));
	struct host_pattern proxy;
	int r;

	if (!policy)
		return error_set(err, -ENOMEM, "run: network");
	r = add_hosts(o, policy, err);
	if (r == 0)
		r = add_ports(o, policy, err);
	if (r == 0 && o->proxy) {
		r = net_parse_proxy(o->proxy, &proxy, err);
		if (r == 0)
			net_policy_set_proxy(policy, &proxy);
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(policy);
	return 0;
}
