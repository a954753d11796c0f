/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was decided about each flow (protocol, source port, target address and port) of the
 * sandbox, so that only its first packet is judged. One thread. A sandbox that opens more
 * than FLOWS_MAX at once has the longest unused ones judged again.
 */
#ifndef APPSILO_TRANSPORT_FLOWS_H
#define APPSILO_TRANSPORT_FLOWS_H

#include "transport/packet.h"

#define FLOWS_MAX 4096
/* Flows whose first packet waits for an answer; more are refused. */
#define FLOWS_HELD_MAX 64
/* UDP and echo have no end: unused for this long, they are judged again. */
#define FLOWS_IDLE_MS 60000

enum flow_state {
	FLOW_DENIED,
	FLOW_ALLOWED,
	FLOW_ASKED, /* the judge has it; packet held */
	FLOW_DOUBTED, /* was decided, by rules that have changed since */
};

enum flow_way { FLOW_OUT, FLOW_IN };

struct flow {
	enum flow_state state;
	enum net_protocol protocol;
	struct net_address target;
	uint16_t source_port, target_port;
	uint32_t opened_by; /* TCP: sequence number of the SYN that was judged */
	uint32_t row; /* of the judge's account, while allowed */
	uint64_t question; /* the judge's, while asked; an evicted flow has lost it */
	struct {
		bool known;
		uint32_t next; /* sequence number behind what was seen */
	} seen[2];	       /* TCP: of enum flow_way */
	int64_t used_ms;
	uint8_t *held; /* owned; NULL */
	size_t held_bytes;
	struct flow *next; /* in its bucket */
};

struct flows;

/** Returns NULL when out of memory. */
struct flows *flows_new(void);
void flows_free(struct flows *flows);

/**
 * The flow that @packet belongs to; NULL: it is to be judged (a new flow, a new connection
 * on old ports, too long unused).
 */
struct flow *flows_find(struct flows *flows, const struct packet *packet, int64_t now_ms);

/** The same flow, whatever its state; NULL: none. */
struct flow *flows_look_up(struct flows *flows, const struct packet *packet);

/** Rules have changed: what has no end of its own (all but TCP) is to be judged again. */
void flows_doubt(struct flows *flows);

/** The flow of @packet, new or as new, in state FLOW_DENIED, for the caller to fill in. */
struct flow *flows_add(struct flows *flows, const struct packet *packet, int64_t now_ms);

/** How many bytes @packet, on its way, carries in @flow: what TCP sends again counts once. */
size_t flows_new_bytes(struct flow *flow, enum flow_way way, const struct packet *packet);

/** Keep a copy of @packet in @flow and mark it asked. Returns 0; -EAGAIN over FLOWS_HELD_MAX; -ENOMEM. */
int flows_hold(struct flows *flows, struct flow *flow, const struct packet *packet) must_check;

/** Take the held packet out; the caller frees it. */
uint8_t *flows_release(struct flows *flows, struct flow *flow, size_t *ret_bytes);

DEFINE_CLEANUP(struct flows *, flows_free)

#endif
