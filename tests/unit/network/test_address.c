/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/address.h"
#include <arpa/inet.h>
#include <string.h>

static struct net_address read_address(const char *text)
{
	struct net_address a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

	assert_int_equal(inet_pton(a.family, text, &a.v6), 1);
	return a;
}

static void leads_to(const char *text, enum net_place place)
{
	struct net_address a = read_address(text);

	if (net_address_place(&a) != place)
		fail_msg("%s: place %d, not %d", text, (int)net_address_place(&a), (int)place);
}

static void is_really(const char *text, const char *want)
{
	struct net_address a = read_address(text), real = net_address_real(&a);
	char shown[NET_ADDRESS_TEXT_MAX];

	assert_string_equal(net_address_text(&real, shown), want);
}

static void public_addresses_are_public(void **state)
{
	static const char *const all[] = {
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "169.253.255.255", "169.255.0.0", "198.17.255.255", "198.20.0.0",
		"223.255.255.255", "2606:4700:4700::1111", "2a00::1", "3ffe::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		leads_to(all[i], NET_PUBLIC);
}

static void private_ranges_are_private(void **state)
{
	static const char *const all[] = {
		"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0",
		"192.168.255.255", "169.254.0.1", "169.254.255.255", "100.64.0.0", "100.127.255.255",
		"198.18.0.1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		leads_to(all[i], NET_PRIVATE);
}

static void this_machine_is_loopback(void **state)
{
	static const char *const all[] = {"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "::", "::1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		leads_to(all[i], NET_LOOPBACK);
}

static void metadata_services_are_known_by_address(void **state)
{
	static const char *const all[] = {
		"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200",
		"169.254.169.253", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23",
		"fd20:ce::254", "fe80::a9fe:a9fe",
		/* and in disguise */
		"::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254",
		"::ffff:0:169.254.169.254", "2002:a9fe:a9fe::1", "2001:0:808:808::5601:5601"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		leads_to(all[i], NET_METADATA);
}

static void what_nobody_has_is_unusable(void **state)
{
	static const char *const all[] = {
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1",
		"198.51.100.1", "203.0.113.1", "192.88.99.1", "192.0.0.1", "ff02::1", "2001:db8::1",
		"100::1", "3fff::1", "2001:10::1", "4000::1", "64:ff9b:1::a00:1",
		/* a tunnel whose server is not public */
		"2001:0:a00:1::f7f7:f7f7"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		leads_to(all[i], NET_UNUSABLE);
}

static void carried_addresses_count(void **state)
{
	(void)state;
	is_really("::ffff:10.1.2.3", "10.1.2.3");
	is_really("::10.1.2.3", "10.1.2.3");
	is_really("::ffff:0:10.1.2.3", "10.1.2.3");
	is_really("64:ff9b::10.1.2.3", "10.1.2.3");
	is_really("2002:a01:203::1", "10.1.2.3");
	is_really("2001:0:808:808::f5fe:fdfc", "10.1.2.3");
	is_really("::1", "::1");
	is_really("::", "::");
	is_really("64:ff9b:1::a01:203", "64:ff9b:1::a01:203");
	is_really("2606:4700::1", "2606:4700::1");
	leads_to("::ffff:127.0.0.1", NET_LOOPBACK);
	leads_to("::127.0.0.1", NET_LOOPBACK);
	leads_to("::2", NET_LOOPBACK); /* carries 0.0.0.2 */
	leads_to("64:ff9b::127.0.0.1", NET_LOOPBACK);
	leads_to("2002:7f00:1::", NET_LOOPBACK);
	leads_to("2001:0:808:808::80ff:fffe", NET_LOOPBACK);
	leads_to("::ffff:192.168.1.1", NET_PRIVATE);
	leads_to("64:ff9b::8.8.8.8", NET_PUBLIC);
}

static void private_range_tells_its_width(void **state)
{
	struct net_address a = read_address("10.9.8.7"), b = read_address("8.8.8.8"),
			   c = read_address("fd12::1");

	(void)state;
	assert_int_equal(net_address_private_bits(&a), 8);
	assert_int_equal(net_address_private_bits(&b), 0);
	assert_int_equal(net_address_private_bits(&c), 7);
}

static void within_compares_bits(void **state)
{
	struct net_address a = read_address("10.1.2.3"), b = read_address("10.1.2.128"),
			   c = read_address("::a01:203");

	(void)state;
	assert_true(net_address_within(&a, &b, 24));
	assert_false(net_address_within(&a, &b, 25));
	assert_true(net_address_within(&a, &b, 0));
	assert_false(net_address_within(&a, &c, 0));
	assert_false(net_address_within(&a, &a, 33));
}

static void short_sockaddrs_are_refused(void **state)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(443)};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct net_address a;
	uint16_t port = 0;

	(void)state;
	v4.sin_addr.s_addr = htonl(0x01020304);
	v6.sin6_addr = in6addr_loopback;
	assert_int_equal(net_address_from_sockaddr((void *)&v4, sizeof(v4), &a, &port), 0);
	assert_int_equal(port, 80);
	assert_int_equal(a.v4.s_addr, htonl(0x01020304));
	assert_int_equal(net_address_from_sockaddr((void *)&v6, sizeof(v6), &a, &port), 0);
	assert_int_equal(port, 443);
	assert_int_equal(net_address_from_sockaddr((void *)&v6, sizeof(v6) - 4, &a, &port), 0);
	assert_int_equal(net_address_from_sockaddr((void *)&v4, sizeof(v4) - 1, &a, &port), -EINVAL);
	assert_int_equal(net_address_from_sockaddr((void *)&v6, sizeof(v6) - 5, &a, &port), -EINVAL);
	assert_int_equal(net_address_from_sockaddr((void *)&v4, 1, &a, &port), -EINVAL);
	assert_int_equal(net_address_from_sockaddr((void *)&v4, 0, &a, &port), -EINVAL);
	assert_int_equal(net_address_from_sockaddr(&other, sizeof(other), &a, &port), -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_addresses_are_public),
		cmocka_unit_test(private_ranges_are_private),
		cmocka_unit_test(this_machine_is_loopback),
		cmocka_unit_test(metadata_services_are_known_by_address),
		cmocka_unit_test(what_nobody_has_is_unusable),
		cmocka_unit_test(carried_addresses_count),
		cmocka_unit_test(private_range_tells_its_width),
		cmocka_unit_test(within_compares_bits),
		cmocka_unit_test(short_sockaddrs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
