/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/flows.h"

#include <string.h>
#include <sys/random.h>

#define BUCKETS 1024

struct flows {
	struct flow all[FLOWS_MAX];
	size_t used; /* of all */
	size_t hand; /* where the search for the longest unused one goes on */
	struct flow *buckets[BUCKETS];
	size_t n_held;
	uint32_t salt; /* so that no sandbox can aim at one bucket */
};

struct flows *flows_new(void)
{
	struct flows *f = calloc(1, sizeof(*f));

	if (f && getrandom(&f->salt, sizeof(f->salt), 0) < 0)
		f->salt = 0; /* only speed hangs on it */
	return f;
}

void flows_free(struct flows *f)
{
	for (size_t i = 0; f && i < f->used; i++)
		free(f->all[i].held);
	free(f);
}

static size_t bucket(const struct flows *f, enum net_protocol protocol,
		     const struct net_address *target, uint16_t source_port, uint16_t target_port)
{
	uint32_t h = f->salt ^ ((uint32_t)source_port << 16 | target_port);
	uint32_t part[4] = {0};

	memcpy(part, &target->v6, target->family == AF_INET ? 4 : 16);
	for (size_t i = 0; i < 4; i++)
		h = (h ^ part[i]) * 0x9e3779b1u + (uint32_t)protocol;
	h ^= h >> 15;
	return h % BUCKETS;
}

static struct flow **bucket_of(struct flows *f, const struct flow *flow)
{
	return &f->buckets[bucket(f, flow->protocol, &flow->target, flow->source_port,
				  flow->target_port)];
}

struct flow *flows_look_up(struct flows *f, const struct packet *p)
{
	struct flow *flow = f->buckets[bucket(f, p->protocol, &p->target, p->source_port,
					      p->target_port)];

	while (flow && (flow->protocol != p->protocol || flow->source_port != p->source_port ||
			flow->target_port != p->target_port ||
			!net_address_equal(&flow->target, &p->target)))
		flow = flow->next;
	return flow;
}

struct flow *flows_find(struct flows *f, const struct packet *p, int64_t now_ms)
{
	struct flow *flow = flows_look_up(f, p);

	if (!flow || (p->opens && flow->opened_by != p->sequence))
		return NULL;
	if (flow->state == FLOW_DOUBTED)
		return NULL;
	if (flow->state != FLOW_ASKED && p->protocol != NET_TCP &&
	    now_ms - flow->used_ms > FLOWS_IDLE_MS)
		return NULL;
	flow->used_ms = now_ms;
	return flow;
}

void flows_doubt(struct flows *f)
{
	for (size_t i = 0; i < f->used; i++)
		if (f->all[i].protocol != NET_TCP && f->all[i].state != FLOW_ASKED)
			f->all[i].state = FLOW_DOUBTED;
}

static void unlink_flow(struct flows *f, struct flow *flow)
{
	struct flow **at = bucket_of(f, flow);

	while (*at != flow)
		at = &(*at)->next;
	*at = flow->next;
}

static void drop_held(struct flows *f, struct flow *flow)
{
	size_t bytes;

	free(flows_release(f, flow, &bytes));
}

/* The longest unused of a few: near enough to the oldest of all, and cheap. */
static struct flow *take_oldest(struct flows *f)
{
	struct flow *oldest = NULL;

	for (size_t i = 0; i < 32; i++) {
		struct flow *flow = &f->all[f->hand];

		f->hand = (f->hand + 1) % FLOWS_MAX;
		if (!oldest || flow->used_ms < oldest->used_ms)
			oldest = flow;
	}
	unlink_flow(f, oldest);
	drop_held(f, oldest);
	return oldest;
}

struct flow *flows_add(struct flows *f, const struct packet *p, int64_t now_ms)
{
	struct flow *flow = flows_look_up(f, p), **at;

	if (flow) {
		unlink_flow(f, flow);
		drop_held(f, flow);
	} else {
		flow = f->used < FLOWS_MAX ? &f->all[f->used++] : take_oldest(f);
	}
	*flow = (struct flow){.state = FLOW_DENIED,
			      .protocol = p->protocol,
			      .target = p->target,
			      .source_port = p->source_port,
			      .target_port = p->target_port,
			      .opened_by = p->sequence,
			      .used_ms = now_ms};
	at = bucket_of(f, flow);
	flow->next = *at;
	*at = flow;
	return flow;
}

size_t flows_new_bytes(struct flow *flow, enum flow_way way, const struct packet *p)
{
	uint32_t end = p->sequence + (uint32_t)p->payload_bytes;
	uint32_t more = end - flow->seen[way].next; /* modulo 2^32, as they count */

	if (p->protocol != NET_TCP)
		return p->payload_bytes;
	if (!flow->seen[way].known)
		more = (uint32_t)p->payload_bytes;
	else if (more > INT32_MAX)
		return 0; /* behind */
	flow->seen[way].known = true;
	flow->seen[way].next = end;
	/* The first packet, too, counts as one in its sequence. */
	return more < p->payload_bytes ? more : p->payload_bytes;
}

int flows_hold(struct flows *f, struct flow *flow, const struct packet *p)
{
	if (f->n_held >= FLOWS_HELD_MAX)
		return -EAGAIN;
	flow->held = malloc(p->size);
	if (!flow->held)
		return -ENOMEM;
	memcpy(flow->held, p->bytes, p->size);
	flow->held_bytes = p->size;
	flow->state = FLOW_ASKED;
	f->n_held++;
	return 0;
}

uint8_t *flows_release(struct flows *f, struct flow *flow, size_t *ret_bytes)
{
	if (flow->held)
		f->n_held--;
	*ret_bytes = flow->held_bytes;
	flow->held_bytes = 0;
	return TAKE_PTR(flow->held);
}
