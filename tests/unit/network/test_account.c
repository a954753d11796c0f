/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/account.h"
#include <arpa/inet.h>
#include <string.h>

static struct net_target target(const char *address, uint16_t port, const char *name)
{
	struct net_target t = {.port = port, .name = name};

	if (!address)
		return t;
	t.address.family = strchr(address, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(t.address.family, address, &t.address.v6), 1);
	return t;
}

static void add(struct net_account *a, struct net_target t, bool allowed)
{
	net_account_add(a, &t, allowed);
}

static void equal_targets_are_one_row(void **state)
{
	struct net_account a = {0};

	add(&a, target("1.2.3.4", 80, "a.example.org"), true);
	add(&a, target("1.2.3.4", 80, "a.example.org"), false);
	add(&a, target("1.2.3.4", 81, "a.example.org"), true);
	add(&a, target("1.2.3.4", 80, NULL), true);
	add(&a, target("::ffff:1.2.3.4", 80, NULL), true); /* what it carries */
	add(&a, target(NULL, 0, "a.example.org"), true);
	assert_int_equal(a.n, 4);
	assert_int_equal(a.rows[0].counts.connections, 1);
	assert_int_equal(a.rows[0].counts.refused, 1);
	assert_int_equal(a.rows[2].counts.connections, 2);
	assert_string_equal(net_account_protocol(&a.rows[0]), "tcp");
	assert_string_equal(net_account_protocol(&a.rows[3]), "dns");
}

static void beyond_the_bound_all_is_one(void **state)
{
	struct net_account a = {0};

	for (uint16_t port = 1; port <= NET_ACCOUNT_MAX + 3; port++)
		add(&a, target("1.2.3.4", port, NULL), port % 2);
	add(&a, target("1.2.3.4", 1, NULL), true); /* known before */
	assert_int_equal(a.n, NET_ACCOUNT_MAX);
	assert_int_equal(a.rows[0].counts.connections, 2);
	assert_int_equal(a.others.connections, 2);
	assert_int_equal(a.others.refused, 1);
}

static void what_is_no_name_has_no_row(void **state)
{
	struct net_account a = {0};

	add(&a, target(NULL, 0, "no name\n"), false);
	add(&a, target(NULL, 0, NULL), false);
	assert_int_equal(a.n, 0);
	assert_int_equal(a.others.refused, 2);
}

static void rows_keep_their_numbers(void **state)
{
	struct net_account a = {0};
	struct net_target first = target("1.2.3.4", 80, NULL), second = target("1.2.3.4", 81, NULL);

	assert_int_equal(net_account_find(&a, &first), 0);
	assert_int_equal(net_account_add(&a, &first, true), 1);
	assert_int_equal(net_account_add(&a, &second, true), 2);
	assert_int_equal(net_account_add_incoming(&a, 80, true), 3);
	assert_int_equal(net_account_add_incoming(&a, 80, false), 3);
	assert_int_equal(net_account_find(&a, &first), 1);
	assert_string_equal(net_account_protocol(&a.rows[2]), "tcp-in");
	assert_int_equal(a.rows[2].counts.refused, 1);
}

static void bytes_of_any_number_are_added(void **state)
{
	struct net_account a = {0};

	add(&a, target("1.2.3.4", 80, NULL), true);
	net_account_add_bytes(&a, 1, 3, 4);
	net_account_add_bytes(&a, 1, 3, UINT64_MAX);
	net_account_add_bytes(&a, 2, 5, 0); /* there is none */
	assert_int_equal(a.rows[0].counts.bytes_sent, 6);
	assert_int_equal(a.rows[0].counts.bytes_received, INT64_MAX);
	assert_int_equal(a.others.bytes_sent, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_targets_are_one_row),
		cmocka_unit_test(beyond_the_bound_all_is_one),
		cmocka_unit_test(what_is_no_name_has_no_row),
		cmocka_unit_test(rows_keep_their_numbers),
		cmocka_unit_test(bytes_of_any_number_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
