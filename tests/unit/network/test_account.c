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
	assert_int_equal(a.rows[0].connections, 1);
	assert_int_equal(a.rows[0].refused, 1);
	assert_int_equal(a.rows[2].connections, 2);
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
	assert_int_equal(a.rows[0].connections, 2);
	assert_int_equal(a.other_connections, 2);
	assert_int_equal(a.other_refused, 1);
}

static void what_is_no_name_has_no_row(void **state)
{
	struct net_account a = {0};

	add(&a, target(NULL, 0, "no name\n"), false);
	add(&a, target(NULL, 0, NULL), false);
	assert_int_equal(a.n, 0);
	assert_int_equal(a.other_refused, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_targets_are_one_row),
		cmocka_unit_test(beyond_the_bound_all_is_one),
		cmocka_unit_test(what_is_no_name_has_no_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
