/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/host_names.h"
#include "transport/names.h"
#include <arpa/inet.h>
#include <string.h>

#define ID 0x1234
#define HEADER "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"
#define QUESTION "\1a\7example\3org\0\0\1\0\1"

static struct net_address address(const char *text)
{
	struct net_address a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

	assert_int_equal(inet_pton(a.family, text, &a.v6), 1);
	return a;
}

static void a_query_of_ours_is_read_back(void **state)
{
	uint8_t bytes[DNS_QUERY_MAX];
	size_t n = dns_query_make(ID, "a.example.org", DNS_AAAA, bytes);
	struct dns_query q;

	assert_true(n > 0);
	assert_int_equal(dns_query_parse(bytes, n, &q), 0);
	assert_string_equal(q.name, "a.example.org");
	assert_int_equal(q.type, DNS_AAAA);
	assert_int_equal(q.udp_bytes, DNS_UDP_BYTES);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_not_equal(dns_query_parse(bytes, cut, &q), 0);
}

static void names_that_cannot_be_are_not_asked_for(void **state)
{
	uint8_t bytes[DNS_QUERY_MAX];
	char label[70], name[300];

	memset(label, 'x', 64);
	label[64] = '\0';
	assert_int_equal(dns_query_make(ID, label, DNS_A, bytes), 0);
	assert_int_equal(dns_query_make(ID, "a..b", DNS_A, bytes), 0);
	memset(name, 'x', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 50)
		name[i] = '.';
	name[255] = '\0';
	assert_int_equal(dns_query_make(ID, name, DNS_A, bytes), 0);
}

static int parse_query(const char *bytes, size_t size, struct dns_query *q)
{
	return dns_query_parse((const uint8_t *)bytes, size, q);
}

#define QUERY(text) parse_query(text, sizeof(text) - 1, &q)

static void malformed_queries_are_refused(void **state)
{
	struct dns_query q;

	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION), 0);
	assert_string_equal(q.name, "a.example.org");
	assert_int_equal(QUERY("\x12\x34\x81\0\0\1\0\0\0\0\0\0" QUESTION), -EBADMSG); /* an answer */
	assert_int_equal(QUERY("\x12\x34\1\0\0\2\0\0\0\0\0\0" QUESTION), DNS_MALFORMED);
	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\1\0\0\0\0" QUESTION), DNS_MALFORMED);
	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION "x"), DNS_MALFORMED);
	assert_int_equal(QUERY("\x12\x34\x29\0\0\1\0\0\0\0\0\0" QUESTION), DNS_UNKNOWN); /* update */
	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"), DNS_MALFORMED);
	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\0\0\0\0\0\3a\0b\0\0\1\0\1"), DNS_MALFORMED);
	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\0\0\0\0\0\3a.b\0\0\1\0\1"), DNS_MALFORMED);
}

static void case_is_kept_for_the_answer_and_not_for_the_judge(void **state)
{
	struct dns_query q;
	uint8_t out[DNS_ANSWER_MAX];

	assert_int_equal(QUERY("\x12\x34\1\0\0\1\0\0\0\0\0\0\1A\7eXample\3org\0\0\1\0\1"), 0);
	assert_string_equal(q.name, "a.example.org");
	dns_answer_make(&q, DNS_OK, NULL, 512, out);
	assert_memory_equal(out + 12, "\1A\7eXample", 10);
}

static int parse_answer(const char *bytes, size_t size, struct dns_answer *a)
{
	return dns_answer_parse((const uint8_t *)bytes, size, ID, "a.example.org", DNS_A, a);
}

#define ANSWER(text) parse_answer(text, sizeof(text) - 1, &a)

static void an_address_is_taken(void **state)
{
	struct dns_answer a;

	assert_int_equal(ANSWER(HEADER QUESTION "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"), 0);
	assert_int_equal(a.n_addresses, 1);
	assert_int_equal(ntohl(a.addresses[0].v4.s_addr), 0x01020304);
	assert_int_equal(a.seconds, 60);
}

static void answers_to_something_else_are_not_taken(void **state)
{
	struct dns_answer a;

	/* Another id, another name, another type, a query, none. */
	assert_int_equal(ANSWER("\x12\x35\x81\x80\0\1\0\0\0\0\0\0" QUESTION), -EBADMSG);
	assert_int_equal(ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1b\7example\3org\0\0\1\0\1"), -EBADMSG);
	assert_int_equal(ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\7example\3org\0\0\x1c\0\1"), -EBADMSG);
	assert_int_equal(ANSWER("\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION), -EBADMSG);
	assert_int_equal(ANSWER("\x12\x34\x81\x80\0\0\0\0\0\0\0\0"), -EBADMSG);
}

#define SRV_QUESTION "\1a\7example\3org\0\0\x21\0\1"
#define SERVICE(text)                                                                              \
	dns_answer_parse((const uint8_t *)(text), sizeof(text) - 1, ID, "a.example.org", DNS_SRV, &a)

static void services_are_taken_and_made_anew(void **state)
{
	struct dns_query q = {.id = ID, .type = DNS_SRV, .class = 1, .asked = "a.example.org",
			      .name = "a.example.org"};
	uint8_t out[DNS_ANSWER_MAX];
	struct dns_answer a, again;
	size_t n;

	assert_int_equal(SERVICE(HEADER SRV_QUESTION "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x0a\0\1\0\2\0\x50"
						     "\1B\xc0\x0e"), 0);
	assert_int_equal(a.n_services, 1);
	assert_string_equal(a.services[0].target, "b.example.org");
	assert_int_equal(a.services[0].priority, 1);
	assert_int_equal(a.services[0].weight, 2);
	assert_int_equal(a.services[0].port, 80);
	n = dns_answer_make(&q, DNS_OK, &a, sizeof(out), out);
	assert_int_equal(dns_answer_parse(out, n, ID, q.name, DNS_SRV, &again), 0);
	assert_memory_equal(&a.services[0], &again.services[0], offsetof(struct dns_service, target));
	assert_string_equal(again.services[0].target, "b.example.org");
	/* The root: no such service. */
	assert_int_equal(SERVICE(HEADER SRV_QUESTION "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\7\0\0\0\0\0\0\0"), 0);
	assert_string_equal(a.services[0].target, "");
	/* Too short, too long, no name; an address is none. */
	assert_int_equal(SERVICE(HEADER SRV_QUESTION "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\5\0\0\0\0\0"), -EBADMSG);
	assert_int_equal(SERVICE(HEADER SRV_QUESTION "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x0a\0\0\0\0\0\0\1b\0x"), -EBADMSG);
	assert_int_equal(SERVICE(HEADER SRV_QUESTION "\xc0\x0c\0\x21\0\1\0\0\0\x3c\0\x09\0\0\0\0\0\0\1 \0"), -EBADMSG);
	assert_int_equal(SERVICE(HEADER SRV_QUESTION "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"), 0);
	assert_int_equal(a.n_services + a.n_addresses, 0);
}

static void names_that_lead_back_are_read(void **state)
{
	static const char *const bad[] = {"", "in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.256.in-addr.arpa",
					  "1.2.3.4.in-addr.arpax", "1.2.3.4.5.in-addr.arpa", "1.2.3.4.ip6.arpa",
					  "1.2.3.4.in-addr.arp", "1.0.0.0.ip6.arpa"};
	char six[80] = "";
	struct net_address a, want;

	assert_true(dns_reverse_parse("4.3.2.1.in-addr.arpa", &a));
	want = address("1.2.3.4");
	assert_true(net_address_equal(&a, &want));
	for (size_t i = 0; i < 32; i++)
		strcat(six, i == 0 ? "1." : i == 31 ? "2." : i == 30 ? "a." : "0.");
	strcat(six, "ip6.arpa");
	assert_true(dns_reverse_parse(six, &a));
	want = address("2a00::1");
	assert_true(net_address_equal(&a, &want));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(dns_reverse_parse(bad[i], &a));
}

static void records_of_other_names_are_not_taken(void **state)
{
	struct dns_answer a;

	assert_int_equal(ANSWER(HEADER QUESTION "\4evil\3org\0\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"), 0);
	assert_int_equal(a.n_addresses, 0);
}

static void aliases_are_followed_in_order(void **state)
{
	struct dns_answer a;

	assert_int_equal(ANSWER("\x12\x34\x81\x80\0\1\0\2\0\0\0\0" QUESTION
				"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1b\xc0\x0e"
				"\1b\xc0\x0e\0\1\0\1\0\0\0\x1e\0\4\1\2\3\4"), 0);
	assert_int_equal(a.n_chain, 1);
	assert_string_equal(a.chain[0], "b.example.org");
	assert_int_equal(a.n_addresses, 1);
	assert_int_equal(a.seconds, 30);
}

static void pointers_that_do_not_go_back_are_refused(void **state)
{
	struct dns_answer a;

	assert_int_equal(ANSWER(HEADER QUESTION "\xc0\x1f\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"), -EBADMSG);
	assert_int_equal(ANSWER(HEADER QUESTION "\xc0\x40\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"), -EBADMSG);
	assert_int_equal(ANSWER(HEADER QUESTION "\xc0\x00\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"), -EBADMSG);
	/* More data than the message has. */
	assert_int_equal(ANSWER(HEADER QUESTION "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\5\1\2\3\4"), -EBADMSG);
}

static void too_long_answers_are_cut_and_say_so(void **state)
{
	struct dns_query q = {.id = ID, .type = DNS_AAAA, .class = 1, .name = "a.example.org", .asked = "a.example.org"};
	struct dns_answer a = {.n_addresses = DNS_ADDRESSES_MAX}, back;
	uint8_t out[DNS_ANSWER_MAX];
	size_t n;

	for (size_t i = 0; i < DNS_ADDRESSES_MAX; i++)
		a.addresses[i].family = AF_INET6;
	n = dns_answer_make(&q, DNS_OK, &a, 512, out);
	assert_true(n <= 512);
	assert_int_equal(dns_answer_parse(out, n, ID, q.name, DNS_AAAA, &back), 0);
	assert_true(back.cut);
	n = dns_answer_make(&q, DNS_OK, &a, DNS_ANSWER_MAX, out);
	assert_int_equal(dns_answer_parse(out, n, ID, q.name, DNS_AAAA, &back), 0);
	assert_false(back.cut);
	assert_int_equal(back.n_addresses, DNS_ADDRESSES_MAX);
}

static void host_files_are_read_as_libc_does(void **state)
{
	struct host_names host = {0};
	char servers[] = "# nameserver 9.9.9.9\nsearch x\nnameserver  1.1.1.1 # note\nnameserver ::1\nnameserver nonsense\n";
	char table[] = "127.0.0.1\tlocalhost\n1.2.3.4 One one.example.org\n::2 one.example.org\nbad x\n";
	struct dns_answer a;

	host_names_take_servers(&host, servers);
	assert_int_equal(host.n_servers, 2);
	assert_int_equal(ntohl(host.servers[0].v4.sin_addr.s_addr), 0x01010101);
	assert_int_equal(ntohs(host.servers[1].v6.sin6_port), 53);
	host_names_take_table(&host, table);
	assert_true(host_names_find(&host, "one", DNS_A, &a));
	assert_int_equal(a.n_addresses, 1);
	assert_true(host_names_find(&host, "one.example.org", DNS_AAAA, &a));
	assert_int_equal(a.n_addresses, 1);
	assert_true(host_names_find(&host, "localhost", DNS_AAAA, &a));
	assert_int_equal(a.n_addresses, 0);
	assert_false(host_names_find(&host, "x", DNS_A, &a));
	host_names_done(&host);
}

static void names_are_told_newest_first_while_they_hold(void **state)
{
	struct names *names = names_new();
	struct net_address one = address("1.2.3.4"), other = address("1.2.3.5");
	struct net_question q;

	names_add(names, &one, "a.org", 100, false, 0);
	names_add(names, &one, "b.org", 1000, true, 0);
	names_add(names, &other, "c.org", 1000, false, 0);
	names_tell(names, 1, &one, &q);
	assert_int_equal(q.n_names, 2);
	assert_string_equal(q.names[0], "b.org");
	assert_string_equal(q.names[1], "a.org");
	names_tell(names, 500000, &one, &q);
	assert_int_equal(q.n_names, 1);
	assert_false(names_use_once(names, 1, &other));
	assert_true(names_use_once(names, 1, &one));
	assert_false(names_use_once(names, 1, &one));
	names_free(names);
}

static void names_are_bounded(void **state)
{
	struct names *names = names_new();
	struct net_address one = address("1.2.3.4");
	struct net_question q;
	char name[32];

	for (int i = 0; i < 3 * NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d.org", i);
		names_add(names, &one, name, 100 + (uint32_t)i, false, 0);
	}
	names_tell(names, 1, &one, &q);
	assert_int_equal(q.n_names, NET_NAMES_MAX);
	assert_string_equal(q.names[0], name);
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_of_ours_is_read_back),
		cmocka_unit_test(names_that_cannot_be_are_not_asked_for),
		cmocka_unit_test(malformed_queries_are_refused),
		cmocka_unit_test(case_is_kept_for_the_answer_and_not_for_the_judge),
		cmocka_unit_test(an_address_is_taken),
		cmocka_unit_test(answers_to_something_else_are_not_taken),
		cmocka_unit_test(services_are_taken_and_made_anew),
		cmocka_unit_test(names_that_lead_back_are_read),
		cmocka_unit_test(records_of_other_names_are_not_taken),
		cmocka_unit_test(aliases_are_followed_in_order),
		cmocka_unit_test(pointers_that_do_not_go_back_are_refused),
		cmocka_unit_test(too_long_answers_are_cut_and_say_so),
		cmocka_unit_test(host_files_are_read_as_libc_does),
		cmocka_unit_test(names_are_told_newest_first_while_they_hold),
		cmocka_unit_test(names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
