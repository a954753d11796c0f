/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/flows.h"
#include <arpa/inet.h>
#include <string.h>

/* 192.0.0.2:1000 -> 1.2.3.4:80, SYN, sequence 7. */
static const uint8_t syn[40] = {
	0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 0, 2, 1, 2, 3, 4,
	0x03, 0xe8, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0,
};
/* The same ends, UDP with four bytes. */
static const uint8_t datagram[32] = {
	0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 0, 2, 1, 2, 3, 4,
	0x03, 0xe8, 0, 53, 0, 12, 0, 0, 'd', 'a', 't', 'a',
};
static const uint8_t echo6[48] = {
	0x60, 0, 0, 0, 0, 8, 58, 64,
	0xfd, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	0x2a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	128, 0, 0, 0, 0, 9, 0, 1,
};

/* Copies @base with one byte changed. */
static int parse_changed(const uint8_t *base, size_t size, size_t at, uint8_t value)
{
	uint8_t bytes[64];
	struct packet p;

	memcpy(bytes, base, size);
	bytes[at] = value;
	return packet_parse(bytes, size, &p);
}

static void plain_packets_are_read(void **state)
{
	struct packet p;

	assert_int_equal(packet_parse(syn, sizeof(syn), &p), 0);
	assert_int_equal(p.protocol, NET_TCP);
	assert_int_equal(p.source_port, 1000);
	assert_int_equal(p.target_port, 80);
	assert_int_equal(p.sequence, 7);
	assert_true(p.opens && !p.resets);
	assert_int_equal(ntohl(p.target.v4.s_addr), 0x01020304);
	assert_int_equal(packet_parse(datagram, sizeof(datagram), &p), 0);
	assert_int_equal(p.protocol, NET_UDP);
	assert_int_equal(p.target_port, 53);
	assert_int_equal(packet_parse(echo6, sizeof(echo6), &p), 0);
	assert_int_equal(p.protocol, NET_ICMP);
	assert_int_equal(p.source_port, 9);
	assert_int_equal(p.target_port, 0);
}

static void every_cut_packet_is_dropped(void **state)
{
	struct packet p;

	for (size_t n = 0; n < sizeof(syn); n++)
		assert_int_equal(packet_parse(syn, n, &p), -EBADMSG);
	for (size_t n = 0; n < sizeof(datagram); n++)
		assert_int_equal(packet_parse(datagram, n, &p), -EBADMSG);
	for (size_t n = 0; n < sizeof(echo6); n++)
		assert_int_equal(packet_parse(echo6, n, &p), -EBADMSG);
}

static void what_is_not_plain_is_dropped(void **state)
{
	assert_int_equal(parse_changed(syn, sizeof(syn), 0, 0x46), -EBADMSG);	/* IP options */
	assert_int_equal(parse_changed(syn, sizeof(syn), 0, 0x44), -EBADMSG);	/* a short header */
	assert_int_equal(parse_changed(syn, sizeof(syn), 0, 0x55), -EBADMSG);	/* version 5 */
	assert_int_equal(parse_changed(syn, sizeof(syn), 3, 41), -EBADMSG);	/* a length that lies */
	assert_int_equal(parse_changed(syn, sizeof(syn), 6, 0x20), -EBADMSG);	/* more fragments */
	assert_int_equal(parse_changed(syn, sizeof(syn), 7, 1), -EBADMSG);	/* a later fragment */
	assert_int_equal(parse_changed(syn, sizeof(syn), 9, 47), -EBADMSG);	/* GRE */
	assert_int_equal(parse_changed(syn, sizeof(syn), 9, 58), -EBADMSG);	/* ICMPv6 in IPv4 */
	assert_int_equal(parse_changed(syn, sizeof(syn), 32, 0x40), -EBADMSG);	/* TCP header too short */
	assert_int_equal(parse_changed(syn, sizeof(syn), 32, 0x60), -EBADMSG);	/* and too long */
	assert_int_equal(parse_changed(syn, sizeof(syn), 33, 0x06), -EBADMSG);	/* SYN and RST */
	assert_int_equal(parse_changed(syn, sizeof(syn), 23, 0), -EBADMSG);	/* port 0 */
	assert_int_equal(parse_changed(datagram, sizeof(datagram), 25, 13), -EBADMSG);
	assert_int_equal(parse_changed(echo6, sizeof(echo6), 40, 129), -EBADMSG); /* a reply */
	assert_int_equal(parse_changed(echo6, sizeof(echo6), 40, 135), -EBADMSG); /* who has */
	assert_int_equal(parse_changed(echo6, sizeof(echo6), 6, 0), -EBADMSG);	/* hop by hop */
	assert_int_equal(parse_changed(echo6, sizeof(echo6), 6, 44), -EBADMSG); /* a fragment */
}

static void data_on_the_first_packet_is_dropped(void **state)
{
	uint8_t bytes[44];
	struct packet p;

	memcpy(bytes, syn, sizeof(syn));
	memcpy(bytes + sizeof(syn), "data", 4);
	bytes[3] = sizeof(bytes);
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &p), -EBADMSG);
	bytes[33] = 0x10; /* an ACK may bring data */
	assert_int_equal(packet_parse(bytes, sizeof(bytes), &p), 0);
	assert_int_equal(p.payload_bytes, 4);
}

static void tcp_is_refused_by_a_reset(void **state)
{
	uint8_t out[PACKET_REFUSAL_MAX];
	struct packet p, back;
	size_t n;

	assert_int_equal(packet_parse(syn, sizeof(syn), &p), 0);
	n = packet_make_refusal(&p, out);
	assert_int_equal(n, 40);
	assert_int_equal(packet_parse(out, n, &back), 0);
	assert_true(back.resets);
	assert_int_equal(back.target_port, 1000);
	assert_int_equal(back.source_port, 80);
	assert_int_equal(out[31], 8); /* acknowledges the SYN */
	assert_int_equal(packet_make_refusal(&back, out), 0);
}

static void others_are_refused_as_prohibited(void **state)
{
	uint8_t out[PACKET_REFUSAL_MAX];
	struct packet p;

	assert_int_equal(packet_parse(datagram, sizeof(datagram), &p), 0);
	assert_int_equal(packet_make_refusal(&p, out), 20 + 8 + sizeof(datagram));
	assert_int_equal(out[20], 3);
	assert_int_equal(out[21], 13);
	assert_memory_equal(out + 28, datagram, sizeof(datagram));
	assert_int_equal(packet_parse(echo6, sizeof(echo6), &p), 0);
	assert_int_equal(packet_make_refusal(&p, out), 40 + 8 + sizeof(echo6));
	assert_int_equal(out[40], 1);
	assert_int_equal(out[41], 1);
}

static void a_flow_is_judged_once(void **state)
{
	struct flows *flows = flows_new();
	struct packet p;
	struct flow *flow;

	assert_int_equal(packet_parse(datagram, sizeof(datagram), &p), 0);
	assert_null(flows_find(flows, &p, 0));
	flow = flows_add(flows, &p, 0);
	assert_int_equal(flow->state, FLOW_DENIED);
	assert_ptr_equal(flows_find(flows, &p, FLOWS_IDLE_MS), flow);
	assert_null(flows_find(flows, &p, 3 * FLOWS_IDLE_MS));
	p.target_port++;
	assert_null(flows_find(flows, &p, FLOWS_IDLE_MS));
	flows_free(flows);
}

static void a_new_connection_on_old_ports_is_judged_again(void **state)
{
	struct flows *flows = flows_new();
	struct packet p;
	struct flow *flow;

	assert_int_equal(packet_parse(syn, sizeof(syn), &p), 0);
	flow = flows_add(flows, &p, 0);
	assert_ptr_equal(flows_find(flows, &p, 1), flow); /* sent again */
	p.sequence++;
	assert_null(flows_find(flows, &p, 1));
	p.opens = false;
	assert_ptr_equal(flows_find(flows, &p, 100 * FLOWS_IDLE_MS), flow);
	flows_free(flows);
}

static void flows_and_held_packets_are_bounded(void **state)
{
	struct flows *flows = flows_new();
	struct packet p;
	size_t held = 0, bytes;

	assert_int_equal(packet_parse(datagram, sizeof(datagram), &p), 0);
	for (uint32_t i = 0; i < 3 * FLOWS_MAX; i++) {
		p.source_port = (uint16_t)i;
		held += flows_hold(flows, flows_add(flows, &p, i), &p) == 0;
		assert_true(i >= FLOWS_HELD_MAX || held == i + 1);
	}
	assert_true(held >= FLOWS_HELD_MAX); /* those whose flow made room made room too */
	for (uint32_t i = 0; i < 65536; i++) {
		struct flow *flow;

		p.source_port = (uint16_t)i;
		flow = flows_find(flows, &p, 3 * FLOWS_MAX);
		if (flow)
			free(flows_release(flows, flow, &bytes));
	}
	p.target_port = 1;
	assert_int_equal(flows_hold(flows, flows_add(flows, &p, 0), &p), 0);
	flows_free(flows);
}

static void what_has_no_end_is_doubted(void **state)
{
	struct flows *flows = flows_new();
	struct packet open, plain;
	struct flow *flow;

	assert_int_equal(packet_parse(syn, sizeof(syn), &open), 0);
	assert_int_equal(packet_parse(datagram, sizeof(datagram), &plain), 0);
	flows_add(flows, &open, 0)->state = FLOW_ALLOWED;
	flow = flows_add(flows, &plain, 0);
	flow->state = FLOW_ALLOWED;
	flows_doubt(flows);
	assert_non_null(flows_find(flows, &open, 1));
	assert_null(flows_find(flows, &plain, 1));
	assert_ptr_equal(flows_look_up(flows, &plain), flow);
	assert_int_equal(flow->state, FLOW_DOUBTED);
	assert_int_equal(flows_add(flows, &plain, 1)->state, FLOW_DENIED);
	assert_non_null(flows_find(flows, &plain, 1));
	assert_int_equal(flows_hold(flows, flow, &plain), 0);
	flows_doubt(flows);
	assert_int_equal(flow->state, FLOW_ASKED); /* by the rules of now */
	flows_free(flows);
}

static size_t new_bytes(struct flow *flow, uint32_t sequence, size_t bytes)
{
	const struct packet p = {.protocol = NET_TCP, .sequence = sequence, .payload_bytes = bytes};

	return flows_new_bytes(flow, FLOW_OUT, &p);
}

static void what_is_sent_again_counts_once(void **state)
{
	struct flow flow = {0};
	const struct packet datagram_again = {.protocol = NET_UDP, .payload_bytes = 4};

	assert_int_equal(new_bytes(&flow, 0xfffffff0, 0), 0); /* SYN */
	assert_int_equal(new_bytes(&flow, 0xfffffff1, 10), 10);
	assert_int_equal(new_bytes(&flow, 0xfffffff1, 10), 0);
	assert_int_equal(new_bytes(&flow, 0xfffffff1, 30), 20); /* over the end of numbers */
	assert_int_equal(new_bytes(&flow, 15, 0), 0);
	assert_int_equal(new_bytes(&flow, 0xfffffff1, 30), 0);
	assert_int_equal(flows_new_bytes(&flow, FLOW_IN, &datagram_again), 4);
	assert_int_equal(flows_new_bytes(&flow, FLOW_IN, &datagram_again), 4);
}

static void an_echo_reply_comes_in(void **state)
{
	uint8_t reply[sizeof(echo6)];
	struct packet p;

	memcpy(reply, echo6, sizeof(reply));
	assert_int_equal(packet_parse_inbound(reply, sizeof(reply), &p), -EBADMSG);
	reply[40] = 129;
	assert_int_equal(packet_parse(reply, sizeof(reply), &p), -EBADMSG);
	assert_int_equal(packet_parse_inbound(reply, sizeof(reply), &p), 0);
	assert_int_equal(p.source_port, 0);
	assert_int_equal(p.target_port, 9);
	assert_int_equal(p.payload_bytes, 0);
	assert_int_equal(packet_parse_inbound(datagram, sizeof(datagram), &p), 0);
	assert_int_equal(p.payload_bytes, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_packets_are_read),
		cmocka_unit_test(every_cut_packet_is_dropped),
		cmocka_unit_test(what_is_not_plain_is_dropped),
		cmocka_unit_test(data_on_the_first_packet_is_dropped),
		cmocka_unit_test(tcp_is_refused_by_a_reset),
		cmocka_unit_test(others_are_refused_as_prohibited),
		cmocka_unit_test(a_flow_is_judged_once),
		cmocka_unit_test(what_has_no_end_is_doubted),
		cmocka_unit_test(what_is_sent_again_counts_once),
		cmocka_unit_test(an_echo_reply_comes_in),
		cmocka_unit_test(a_new_connection_on_old_ports_is_judged_again),
		cmocka_unit_test(flows_and_held_packets_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
