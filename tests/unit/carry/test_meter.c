/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of connections that nobody of ours carries, on the loopback of this host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "carry/meter.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#define ROW 3
#define OTHER_ROW 64

struct pair {
	int client, server;
};

static struct meter *meter;
static struct net_bytes rows[NET_ROWS_MAX];

static int set_up(void **state)
{
	(void)state;
	return meter_new(&meter);
}

static struct pair connected(int family)
{
	const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = loopback};
	struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t size = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pair p = {.client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

	assert_int_equal(bind(listener, address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, address, &size), 0);
	assert_int_equal(connect(p.client, address, size), 0);
	p.server = accept(listener, NULL, NULL);
	assert_true(p.server >= 0);
	close(listener);
	return p;
}

static void move(int from, int to, size_t bytes)
{
	char block[1000] = {0};

	for (size_t n; bytes > 0; bytes -= n) {
		n = bytes < sizeof(block) ? bytes : sizeof(block);
		assert_int_equal(send(from, block, n, 0), n);
		assert_int_equal(recv(to, block, n, MSG_WAITALL), n);
	}
}

static void end(const struct pair *p)
{
	close(p->client);
	close(p->server);
}

static void assert_row(uint32_t row, uint64_t sent, uint64_t received, uint64_t ends)
{
	assert_int_equal(rows[row].sent, sent);
	assert_in_range(rows[row].received, received, received + ends);
}

static void both_families_are_counted(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair p = connected(families[i]);

		meter_add(meter, p.client, ROW);
		move(p.client, p.server, 70000);
		move(p.server, p.client, 3);
		end(&p);
	}
	meter_finish(meter, rows);
	assert_row(ROW, 140000, 6, 2);
	assert_row(0, 0, 0, 0);
}

static void what_is_open_is_counted_so_far(void **state)
{
	struct pair p = connected(AF_INET), other = connected(AF_INET6);

	(void)state;
	meter_add(meter, p.client, ROW);
	meter_add(meter, other.client, OTHER_ROW);
	move(p.client, p.server, 10);
	move(other.server, other.client, 20);
	meter_finish(meter, rows);
	assert_row(ROW, 10, 0, 0);
	assert_row(OTHER_ROW, 0, 20, 0);
	move(p.client, p.server, 10);
	end(&p);
	end(&other);
}

static void one_after_the_other_and_many_at_once(void **state)
{
	struct pair many[100];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		struct pair p = connected(AF_INET);

		meter_add(meter, p.client, ROW);
		move(p.client, p.server, 7);
		end(&p);
	}
	for (size_t i = 0; i < 100; i++) {
		many[i] = connected(AF_INET);
		meter_add(meter, many[i].client, OTHER_ROW);
	}
	for (size_t i = 0; i < 100; i++) {
		move(many[i].server, many[i].client, 5);
		if (i % 2)
			end(&many[i]);
	}
	meter_finish(meter, rows);
	assert_row(ROW, 700, 0, 100);
	assert_row(OTHER_ROW, 0, 500, 50);
	for (size_t i = 0; i < 100; i += 2)
		end(&many[i]);
}

static void what_others_move_is_not(void **state)
{
	struct pair p = connected(AF_INET), others = connected(AF_INET);

	(void)state;
	meter_add(meter, p.client, ROW);
	move(others.client, others.server, 100);
	end(&others);
	move(p.server, p.client, 1);
	end(&p);
	meter_finish(meter, rows);
	assert_row(ROW, 0, 1, 1);
	for (uint32_t i = 0; i < NET_ROWS_MAX; i++)
		if (i != ROW)
			assert_row(i, 0, 0, 0);
}

static void what_is_dissolved_is_counted(void **state)
{
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	struct pair p = connected(AF_INET);

	(void)state;
	meter_add(meter, p.client, ROW);
	move(p.client, p.server, 1000);
	meter_end(meter, p.client);
	assert_int_equal(connect(p.client, &nowhere, sizeof(nowhere)), 0);
	end(&p);
	meter_finish(meter, rows);
	assert_row(ROW, 1000, 0, 0);
}

/* The kernel goes on with it when everybody has gone. */
static void what_waits_to_be_sent_is_counted(void **state)
{
	struct pair p = connected(AF_INET);
	char block[65536] = {0};
	uint64_t written = 0;
	ssize_t n;

	(void)state;
	meter_add(meter, p.client, ROW);
	while ((n = send(p.client, block, sizeof(block), MSG_DONTWAIT)) > 0)
		written += (uint64_t)n;
	close(p.client);
	meter_finish(meter, rows);
	assert_row(ROW, written, 0, 0);
	close(p.server);
}

static void one_that_never_connects_is_nothing(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	meter_add(meter, fd, ROW);
	close(fd);
	meter_finish(meter, rows);
	assert_row(ROW, 0, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_families_are_counted, set_up),
		cmocka_unit_test_setup(what_is_open_is_counted_so_far, set_up),
		cmocka_unit_test_setup(one_after_the_other_and_many_at_once, set_up),
		cmocka_unit_test_setup(what_others_move_is_not, set_up),
		cmocka_unit_test_setup(what_is_dissolved_is_counted, set_up),
		cmocka_unit_test_setup(what_waits_to_be_sent_is_counted, set_up),
		cmocka_unit_test_setup(one_that_never_connects_is_nothing, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
