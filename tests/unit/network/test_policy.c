/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/policy.h"
#include <arpa/inet.h>
#include <string.h>

static const unsigned int all_capabilities = NET_CAP_CLIENT | NET_CAP_SERVER | NET_CAP_PRIVATE;

static struct net_policy *make(unsigned int capabilities)
{
	struct net_policy *p = net_policy_new(capabilities, false);

	assert_non_null(p);
	return p;
}

static void rule(struct net_policy *p, enum consent_verdict verdict, const char *host)
{
	struct net_rule new = {.verdict = verdict, .scope = CONSENT_SESSION,
			       .source = CONSENT_FROM_COMMAND_LINE};

	assert_int_equal(host_pattern_parse(host, strlen(host), &new.pattern, NULL), 0);
	assert_int_equal(net_policy_add(p, &new), 0);
}

static void allow(struct net_policy *p, const char *host)
{
	rule(p, CONSENT_ALLOW, host);
}

static void deny(struct net_policy *p, const char *host)
{
	rule(p, CONSENT_DENY, host);
}

static enum consent_verdict ask(struct net_policy *p, const char *name, const char *address,
				uint16_t port)
{
	struct net_target t = {.port = port, .protocol = port ? NET_TCP : NET_ICMP, .name = name};

	t.address.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(t.address.family, address, &t.address.v6), 1);
	return net_policy_decide(p, &t);
}

#define allowed(...) assert_int_equal(ask(__VA_ARGS__), CONSENT_ALLOW)
#define denied(...) assert_int_equal(ask(__VA_ARGS__), CONSENT_DENY)

/* CVE-2025-66479: an empty list meant everything. */
static void nothing_given_allows_nothing(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);

	(void)state;
	denied(p, NULL, "1.1.1.1", 53);
	denied(p, "example.org", "1.1.1.1", 443);
	denied(p, NULL, "10.0.0.1", 80);
	denied(p, NULL, "127.0.0.1", 80);
	denied(p, NULL, "2606:4700::1", 443);
	denied(p, NULL, "1.1.1.1", 0);
	assert_int_equal(net_policy_decide_name(p, "example.org"), CONSENT_DENY);
	assert_false(net_policy_may_publish(p, 80));
}

static void only_denials_allow_nothing(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);

	(void)state;
	deny(p, "evil.example");
	denied(p, "example.org", "1.1.1.1", 443);
	assert_int_equal(net_policy_decide_name(p, "example.org"), CONSENT_DENY);
}

static void each_capability_opens_its_own_addresses(void **state)
{
	cleanup(net_policy_freep) struct net_policy *client = make(NET_CAP_CLIENT);
	cleanup(net_policy_freep) struct net_policy *server = make(NET_CAP_SERVER);
	cleanup(net_policy_freep) struct net_policy *private = make(NET_CAP_PRIVATE);

	(void)state;
	allowed(client, NULL, "1.1.1.1", 53);
	denied(client, NULL, "10.0.0.1", 53);
	denied(client, "nas.example", "192.168.1.2", 80);
	allowed(server, NULL, "1.1.1.1", 53);
	denied(server, NULL, "fd12::1", 53);
	denied(private, NULL, "1.1.1.1", 53);
	allowed(private, NULL, "10.0.0.1", 53);
	allowed(private, "nas.example", "192.168.1.2", 80);
	allowed(private, NULL, "fe80::1", 22);
	allowed(client, NULL, "1.1.1.1", 0);
}

static void some_places_are_never_reached(void **state)
{
	static const char *const never[] = {"127.0.0.1", "::1", "0.0.0.0", "169.254.169.254",
					    "fd00:ec2::254", "100.100.100.200", "224.0.0.1",
					    "::ffff:169.254.169.254", "::ffff:127.0.0.1", "255.255.255.255",
					    "2002:7f00:1::", "64:ff9b::169.254.169.254"};
	cleanup(net_policy_freep) struct net_policy *p = make(all_capabilities);

	(void)state;
	allow(p, "0.0.0.0/0");
	allow(p, "::/0");
	allow(p, "169.254.169.254");
	allow(p, "127.0.0.1:80");
	allow(p, "metadata.google.internal");
	for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
		denied(p, NULL, never[i], 80);
		denied(p, "metadata.google.internal", never[i], 80);
	}
}

static int open_loopback(struct net_policy *p, const char *host)
{
	struct net_rule rule = {.verdict = CONSENT_ALLOW, .scope = CONSENT_ALWAYS};

	assert_int_equal(host_pattern_parse(host, strlen(host), &rule.pattern, NULL), 0);
	return net_policy_add(p, &rule);
}

static void loopback_needs_its_exemption(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);

	(void)state;
	assert_int_equal(open_loopback(p, "localhost:5432"), 0);
	allowed(p, NULL, "127.0.0.1", 5432);
	allowed(p, "localhost", "::1", 5432);
	denied(p, NULL, "127.0.0.1", 5433);
	denied(p, NULL, "127.0.0.1", 0);
	denied(p, "evil.example", "127.0.0.1", 5432);
	deny(p, "127.0.0.1:5432");
	denied(p, NULL, "127.0.0.1", 5432);
	allowed(p, NULL, "::1", 5432);
	assert_int_equal(net_policy_replace_stored(p, NULL, 0), 0);
	denied(p, NULL, "::1", 5432);
}

static void rules_allow_just_their_host(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);

	(void)state;
	allow(p, "example.org:443");
	allow(p, "*.python.org");
	allow(p, "1.2.3.0/24");
	allow(p, "8.8.8.8:53");
	allowed(p, "example.org", "1.1.1.1", 443);
	allowed(p, "EXAMPLE.org.", "1.1.1.1", 443);
	denied(p, "example.org", "1.1.1.1", 80);
	denied(p, "www.example.org", "1.1.1.1", 443);
	denied(p, NULL, "1.1.1.1", 443);
	allowed(p, "docs.python.org", "1.1.1.1", 1);
	denied(p, "python.org", "1.1.1.1", 1);
	denied(p, "evilpython.org", "1.1.1.1", 1);
	allowed(p, NULL, "1.2.3.200", 9);
	allowed(p, NULL, "::ffff:1.2.3.200", 9);
	denied(p, NULL, "1.2.4.1", 9);
	allowed(p, NULL, "8.8.8.8", 53);
	denied(p, NULL, "8.8.8.8", 443);
}

/* The name's owner chooses where it leads. */
static void names_do_not_lead_into_private_networks(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(NET_CAP_CLIENT);

	(void)state;
	allow(p, "rebind.example");
	allow(p, "*.rebind.example");
	denied(p, "rebind.example", "10.0.0.1", 80);
	denied(p, "a.rebind.example", "192.168.0.1", 80);
	denied(p, "rebind.example", "::ffff:10.0.0.1", 80);
	denied(p, "rebind.example", "127.0.0.1", 80);
	denied(p, "rebind.example", "169.254.169.254", 80);
	allowed(p, "rebind.example", "1.1.1.1", 80);
}

static void private_addresses_must_be_written_down(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);

	(void)state;
	allow(p, "0.0.0.0/0");
	denied(p, NULL, "10.1.2.3", 80);
	allowed(p, NULL, "9.1.2.3", 80);
	allow(p, "10.1.2.3:80");
	allow(p, "192.168.0.0/16");
	allow(p, "172.0.0.0/8");
	allowed(p, NULL, "10.1.2.3", 80);
	allowed(p, "nas.example", "10.1.2.3", 80);
	denied(p, NULL, "10.1.2.4", 80);
	allowed(p, NULL, "192.168.9.9", 80);
	denied(p, NULL, "172.16.0.1", 80);
}

static void no_name_leads_past_a_refused_private_address(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(all_capabilities);

	(void)state;
	deny(p, "10.0.0.0/8");
	deny(p, "192.168.0.5");
	allow(p, "rebind.example:80");
	denied(p, "rebind.example", "10.1.1.1", 80);
	denied(p, "rebind.example", "192.168.0.5", 80);
	allowed(p, "rebind.example", "192.168.0.6", 80);
	allow(p, "10.1.1.1");
	allowed(p, "rebind.example", "10.1.1.1", 80);
	/* In public the name is what was meant. */
	deny(p, "5.0.0.0/8");
	allowed(p, "rebind.example", "5.1.1.1", 80);
}

static void the_most_specific_rule_wins(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(NET_CAP_CLIENT);

	(void)state;
	deny(p, "*.example.org");
	allow(p, "*.good.example.org");
	deny(p, "bad.good.example.org");
	allow(p, "bad.good.example.org:443");
	denied(p, "a.example.org", "1.1.1.1", 80);
	allowed(p, "a.good.example.org", "1.1.1.1", 80);
	denied(p, "bad.good.example.org", "1.1.1.1", 80);
	allowed(p, "bad.good.example.org", "1.1.1.1", 443);
	allowed(p, "other.example", "1.1.1.1", 80);
	deny(p, "5.0.0.0/8");
	allow(p, "5.5.0.0/16");
	deny(p, "5.5.5.0/24:25");
	denied(p, NULL, "5.1.1.1", 80);
	allowed(p, NULL, "5.5.5.5", 80);
	denied(p, NULL, "5.5.5.5", 25);
	denied(p, "other.example", "5.1.1.1", 80);
}

static void deny_beats_allow_of_the_same(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);

	(void)state;
	allow(p, "a.example");
	deny(p, "A.example.");
	denied(p, "a.example", "1.1.1.1", 80);
	deny(p, "b.example:80");
	allow(p, "b.example:80");
	denied(p, "b.example", "1.1.1.1", 80);
	assert_int_equal(net_policy_decide_name(p, "b.example"), CONSENT_DENY);
	/* a suffix and a network: neither is more specific */
	allow(p, "*.c.example");
	deny(p, "7.0.0.0/8");
	denied(p, "x.c.example", "7.1.1.1", 80);
	allowed(p, "x.c.example", "8.1.1.1", 80);
	/* one host and a network */
	allow(p, "x.c.example");
	allowed(p, "x.c.example", "7.1.1.1", 80);
}

static void names_are_looked_up_when_some_port_may_be_reached(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);
	cleanup(net_policy_freep) struct net_policy *client = make(NET_CAP_CLIENT);

	(void)state;
	allow(p, "a.example:443");
	deny(p, "b.example");
	allow(p, "b.example:22");
	allow(p, "1.0.0.0/8");
	deny(p, "c.example:80");
	assert_int_equal(net_policy_decide_name(p, "A.example."), CONSENT_ALLOW);
	assert_int_equal(net_policy_decide_name(p, "b.example"), CONSENT_ALLOW);
	assert_int_equal(net_policy_decide_name(p, "c.example"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(p, "other.example"), CONSENT_DENY);
	deny(client, "b.example");
	deny(client, "c.example:80");
	assert_int_equal(net_policy_decide_name(client, "b.example"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(client, "c.example"), CONSENT_ALLOW);
	assert_int_equal(net_policy_decide_name(client, "localhost"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(client, "1.2.3.4"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(client, "a b"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(client, "*.a"), CONSENT_DENY);
	assert_int_equal(net_policy_decide_name(client, ""), CONSENT_DENY);
}

static void unlisted_hosts_are_asked_for(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = net_policy_new(0, true);

	(void)state;
	deny(p, "evil.example");
	assert_int_equal(ask(p, "example.org", "1.1.1.1", 80), CONSENT_ASK);
	assert_int_equal(ask(p, NULL, "1.1.1.1", 80), CONSENT_ASK);
	assert_int_equal(ask(p, NULL, "10.0.0.1", 80), CONSENT_ASK);
	assert_int_equal(net_policy_decide_name(p, "example.org"), CONSENT_ASK);
	assert_int_equal(net_policy_decide_name(p, "evil.example"), CONSENT_DENY);
	denied(p, "evil.example", "1.1.1.1", 80);
	denied(p, "example.org", "10.0.0.1", 80);
	denied(p, NULL, "127.0.0.1", 80);
	denied(p, NULL, "169.254.169.254", 80);
}

static void a_proxy_is_all_that_is_reached(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = net_policy_new(NET_CAP_CLIENT, true);
	struct host_pattern proxy;

	(void)state;
	allow(p, "example.org");
	assert_int_equal(host_pattern_parse("proxy.example:3128", 18, &proxy, NULL), 0);
	net_policy_set_proxy(p, &proxy);
	allowed(p, "proxy.example", "1.1.1.1", 3128);
	denied(p, "proxy.example", "1.1.1.1", 80);
	denied(p, "example.org", "1.1.1.1", 443);
	denied(p, NULL, "1.1.1.1", 3128);
	denied(p, "proxy.example", "10.0.0.1", 3128);
	assert_int_equal(net_policy_decide_name(p, "proxy.example"), CONSENT_ALLOW);
	assert_int_equal(net_policy_decide_name(p, "example.org"), CONSENT_DENY);
	assert_int_equal(open_loopback(p, "localhost:3128"), 0);
	denied(p, NULL, "127.0.0.1", 3128);
	assert_int_equal(host_pattern_parse("localhost:3128", 14, &proxy, NULL), 0);
	net_policy_set_proxy(p, &proxy);
	allowed(p, NULL, "127.0.0.1", 3128);
	denied(p, "proxy.example", "1.1.1.1", 3128);
}

static void listening_needs_port_and_capability(void **state)
{
	cleanup(net_policy_freep) struct net_policy *client = make(NET_CAP_CLIENT);
	cleanup(net_policy_freep) struct net_policy *server = make(NET_CAP_SERVER);

	(void)state;
	assert_int_equal(net_policy_publish(client, 80), 0);
	assert_int_equal(net_policy_publish(server, 80), 0);
	assert_false(net_policy_may_publish(client, 80));
	assert_true(net_policy_may_publish(server, 80));
	assert_false(net_policy_may_publish(server, 81));
}

static void newer_answers_replace_older_ones(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = net_policy_new(0, true);
	struct net_rule answer = {.verdict = CONSENT_DENY, .scope = CONSENT_SESSION,
				  .source = CONSENT_FROM_PROMPT};
	struct net_rule stored = {.verdict = CONSENT_DENY, .scope = CONSENT_ALWAYS};

	(void)state;
	assert_int_equal(host_pattern_parse("a.example:80", 12, &answer.pattern, NULL), 0);
	assert_int_equal(net_policy_add(p, &answer), 0);
	denied(p, "a.example", "1.1.1.1", 80);
	answer.verdict = CONSENT_ALLOW;
	assert_int_equal(net_policy_add(p, &answer), 0);
	allowed(p, "a.example", "1.1.1.1", 80);
	stored.pattern = answer.pattern;
	assert_int_equal(net_policy_add(p, &stored), 0);
	denied(p, "a.example", "1.1.1.1", 80);
	assert_int_equal(net_policy_replace_stored(p, NULL, 0), 0);
	allowed(p, "a.example", "1.1.1.1", 80);
}

static void stored_rules_are_replaced_and_others_stay(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(0);
	struct net_rule stored[2] = {{.verdict = CONSENT_ALLOW, .scope = CONSENT_ALWAYS},
				     {.verdict = CONSENT_ALLOW, .scope = CONSENT_ALWAYS}};

	(void)state;
	deny(p, "b.example");
	assert_int_equal(net_policy_changes(p), 0);
	assert_int_equal(host_pattern_parse("a.example", 9, &stored[0].pattern, NULL), 0);
	assert_int_equal(host_pattern_parse("localhost:5432", 14, &stored[1].pattern, NULL), 0);
	assert_int_equal(net_policy_replace_stored(p, stored, 2), 0);
	assert_int_equal(net_policy_changes(p), 1);
	allowed(p, "a.example", "1.1.1.1", 80);
	allowed(p, NULL, "127.0.0.1", 5432);
	denied(p, NULL, "127.0.0.1", 80);
	denied(p, "localhost", "1.1.1.1", 5432);
	denied(p, "b.example", "1.1.1.1", 80);
	allow(p, "c.example");
	assert_int_equal(net_policy_replace_stored(p, stored, 2), 0);
	assert_int_equal(net_policy_changes(p), 1); /* the same */
	assert_int_equal(net_policy_replace_stored(p, stored, 1), 0);
	assert_int_equal(net_policy_changes(p), 2);
	allowed(p, "a.example", "1.1.1.1", 80);
	allowed(p, "c.example", "1.1.1.1", 80);
	denied(p, NULL, "127.0.0.1", 5432);
}

static void reasons_are_told(void **state)
{
	cleanup(net_policy_freep) struct net_policy *p = make(NET_CAP_CLIENT);
	struct net_target t = {.address = {.family = AF_INET}, .port = 80, .name = "evil.example"};
	struct net_decision d;
	char shown[HOST_TEXT_MAX];

	(void)state;
	deny(p, "*.example:80");
	t.address.v4.s_addr = htonl(0x01010101);
	net_policy_judge(p, &t, &d);
	assert_int_equal(d.reason, NET_BY_RULE);
	assert_string_equal(host_pattern_text(&d.rule.pattern, shown), "*.example:80");
	t.name = "a.org";
	net_policy_judge(p, &t, &d);
	assert_int_equal(d.reason, NET_BY_CAPABILITY);
	t.address.v4.s_addr = htonl(0x0a000001);
	net_policy_judge(p, &t, &d);
	assert_int_equal(d.reason, NET_BY_REBINDING);
	t.name = NULL;
	net_policy_judge(p, &t, &d);
	assert_int_equal(d.reason, NET_BY_NOTHING);
	t.address.v4.s_addr = htonl(0xa9fea9fe);
	net_policy_judge(p, &t, &d);
	assert_int_equal(d.reason, NET_BY_METADATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given_allows_nothing),
		cmocka_unit_test(only_denials_allow_nothing),
		cmocka_unit_test(each_capability_opens_its_own_addresses),
		cmocka_unit_test(some_places_are_never_reached),
		cmocka_unit_test(loopback_needs_its_exemption),
		cmocka_unit_test(rules_allow_just_their_host),
		cmocka_unit_test(names_do_not_lead_into_private_networks),
		cmocka_unit_test(private_addresses_must_be_written_down),
		cmocka_unit_test(no_name_leads_past_a_refused_private_address),
		cmocka_unit_test(the_most_specific_rule_wins),
		cmocka_unit_test(deny_beats_allow_of_the_same),
		cmocka_unit_test(names_are_looked_up_when_some_port_may_be_reached),
		cmocka_unit_test(unlisted_hosts_are_asked_for),
		cmocka_unit_test(a_proxy_is_all_that_is_reached),
		cmocka_unit_test(listening_needs_port_and_capability),
		cmocka_unit_test(newer_answers_replace_older_ones),
		cmocka_unit_test(stored_rules_are_replaced_and_others_stay),
		cmocka_unit_test(reasons_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
