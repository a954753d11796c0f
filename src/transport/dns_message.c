/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/dns_message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEADER_BYTES 12
#define LABEL_MAX 63
#define CLASS_IN 1
#define POINTER 0xc0

enum flag {
	FLAG_ANSWER = 0x8000,
	FLAG_CUT = 0x0200,
	FLAG_RECURSION = 0x0100,
	FLAG_RECURSES = 0x0080,
	OPCODE_MASK = 0x7800,
	CODE_MASK = 0x000f,
};

/* Reads forward; once something does not fit, all that follows is zero and bad is set. */
struct reader {
	const uint8_t *bytes;
	size_t size, at;
	bool bad;
};

static uint8_t take8(struct reader *r)
{
	r->bad = r->bad || r->at >= r->size;
	return r->bad ? 0 : r->bytes[r->at++];
}

static uint16_t take16(struct reader *r)
{
	uint16_t high = take8(r);

	return (uint16_t)(high << 8 | take8(r));
}

static uint32_t take32(struct reader *r)
{
	uint32_t high = take16(r);

	return high << 16 | take16(r);
}

static void skip(struct reader *r, size_t n)
{
	r->bad = r->bad || n > r->size - r->at;
	r->at = r->bad ? r->at : r->at + n;
}

/* Names of hosts and services; all else has no business in a question, and could be read
 * differently by whoever judges it and whoever resolves it. */
static bool is_plain(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_';
}

static void take_label(struct reader *r, size_t length, size_t *used, char ret[NET_NAME_SIZE])
{
	/* 253 and the NUL: a name is at most 255 bytes with its lengths. */
	if (length > LABEL_MAX || *used + length + 1 > NET_NAME_SIZE - 2) {
		r->bad = true;
		return;
	}
	if (*used)
		ret[(*used)++] = '.';
	for (size_t i = 0; i < length; i++) {
		uint8_t c = take8(r);

		r->bad = r->bad || !is_plain(c);
		ret[(*used)++] = (char)c;
	}
}

/* Pointers go backwards only, so that every name ends. */
static void take_name(struct reader *r, bool pointers, char ret[NET_NAME_SIZE])
{
	struct reader at = *r;
	size_t used = 0, before = r->at, length;
	bool away = false;

	while ((length = take8(&at)) != 0 && !at.bad) {
		if (length < POINTER) {
			take_label(&at, length, &used, ret);
			continue;
		}
		length = (length & ~(size_t)POINTER) << 8 | take8(&at);
		if (!away)
			r->at = at.at;
		away = true;
		at.bad = at.bad || !pointers || length >= before || length < HEADER_BYTES;
		before = at.at = length;
	}
	if (!away)
		r->at = at.at;
	r->bad = r->bad || at.bad;
	ret[r->bad ? 0 : used] = '\0';
}

static void lower(const char *name, char ret[NET_NAME_SIZE])
{
	size_t i = 0;

	for (; name[i]; i++)
		ret[i] = (char)tolower((unsigned char)name[i]);
	ret[i] = '\0';
}

/* The only additional record that a query may bring. Its options are not looked at. */
static void take_edns(struct reader *r, struct dns_query *q)
{
	char name[NET_NAME_SIZE];
	uint16_t type;

	take_name(r, false, name);
	type = take16(r);
	q->udp_bytes = take16(r);
	(void)take32(r);
	skip(r, take16(r));
	r->bad = r->bad || type != DNS_OPT || name[0];
	q->edns = !r->bad;
}

int dns_query_parse(const uint8_t *bytes, size_t size, struct dns_query *ret)
{
	struct reader r = {bytes, size, 0, false};
	uint16_t flags, questions, others, more;

	*ret = (struct dns_query){.udp_bytes = 512};
	ret->id = take16(&r);
	flags = take16(&r);
	questions = take16(&r);
	others = take16(&r) | take16(&r);
	more = take16(&r);
	if (r.bad || flags & FLAG_ANSWER)
		return -EBADMSG;
	ret->recursion = flags & FLAG_RECURSION;
	if (flags & OPCODE_MASK)
		return DNS_UNKNOWN;
	if (questions != 1 || others || more > 1)
		return DNS_MALFORMED;
	take_name(&r, false, ret->asked);
	lower(ret->asked, ret->name);
	ret->type = take16(&r);
	ret->class = take16(&r);
	if (r.bad)
		ret->asked[0] = ret->name[0] = '\0';
	else if (more)
		take_edns(&r, ret);
	if (r.bad || r.at != r.size)
		return DNS_MALFORMED;
	if (ret->udp_bytes < 512)
		ret->udp_bytes = 512;
	if (ret->udp_bytes > DNS_UDP_BYTES)
		ret->udp_bytes = DNS_UDP_BYTES;
	return 0;
}

struct writer {
	uint8_t *bytes;
	size_t size, at;
	bool full;
};

static void put(struct writer *w, const void *data, size_t n)
{
	w->full = w->full || n > w->size - w->at;
	if (w->full)
		return;
	memcpy(w->bytes + w->at, data, n);
	w->at += n;
}

static void put16(struct writer *w, uint16_t value)
{
	put(w, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put32(struct writer *w, uint32_t value)
{
	put16(w, (uint16_t)(value >> 16));
	put16(w, (uint16_t)value);
}

static void put_name(struct writer *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		w->full = w->full || n == 0 || n > LABEL_MAX;
		put(w, (uint8_t[]){(uint8_t)n}, 1);
		put(w, name, n);
		name += n;
		name += *name == '.';
	}
	put(w, "", 1);
}

static void put_header(struct writer *w, uint16_t id, unsigned int flags, unsigned int questions,
		       size_t answers, unsigned int more)
{
	put16(w, id);
	put16(w, (uint16_t)flags);
	put16(w, (uint16_t)questions);
	put16(w, (uint16_t)answers);
	put16(w, 0);
	put16(w, (uint16_t)more);
}

static void put_edns(struct writer *w)
{
	put_name(w, "");
	put16(w, DNS_OPT);
	put16(w, DNS_UDP_BYTES);
	put32(w, 0);
	put16(w, 0);
}

size_t dns_query_make(uint16_t id, const char *name, uint16_t type, uint8_t ret[DNS_QUERY_MAX])
{
	struct writer w = {ret, DNS_QUERY_MAX, 0, strlen(name) >= NET_NAME_SIZE - 2};

	put_header(&w, id, FLAG_RECURSION, 1, 0, 1);
	put_name(&w, name);
	put16(&w, type);
	put16(&w, CLASS_IN);
	put_edns(&w);
	return w.full ? 0 : w.at;
}

struct record {
	char owner[NET_NAME_SIZE];
	uint16_t type, class;
	uint32_t seconds;
	struct reader data; /* over the whole message, because of pointers */
	size_t bytes;
};

static void take_record(struct reader *r, struct record *ret)
{
	char owner[NET_NAME_SIZE];

	take_name(r, true, owner);
	lower(owner, ret->owner);
	ret->type = take16(r);
	ret->class = take16(r);
	ret->seconds = take32(r);
	ret->bytes = take16(r);
	ret->data = *r;
	skip(r, ret->bytes);
}

/* RFC 2181: a negative time is none. */
static void bound_seconds(struct dns_answer *a, uint32_t seconds)
{
	if (seconds & 0x80000000u)
		seconds = 0;
	if (seconds < a->seconds)
		a->seconds = seconds;
}

static const char *last_name(const struct dns_answer *a, const char *name)
{
	return a->n_chain ? a->chain[a->n_chain - 1] : name;
}

static bool use_service(struct record *rr, struct dns_answer *ret)
{
	struct dns_service *s = &ret->services[ret->n_services];
	char target[NET_NAME_SIZE];
	size_t end = rr->data.at + rr->bytes;

	if (ret->n_services == DNS_SERVICES_MAX)
		return true;
	s->priority = take16(&rr->data);
	s->weight = take16(&rr->data);
	s->port = take16(&rr->data);
	take_name(&rr->data, true, target);
	if (rr->data.bad || rr->data.at != end)
		return false;
	lower(target, s->target);
	ret->n_services++;
	bound_seconds(ret, rr->seconds);
	return true;
}

/* Returns false when the record ends the message's use. */
static bool use_record(struct record *rr, const char *name, uint16_t type, struct dns_answer *ret)
{
	size_t bytes = type == DNS_A ? 4 : 16;
	struct net_address *address;
	char alias[NET_NAME_SIZE];

	if (rr->class != CLASS_IN || strcmp(rr->owner, last_name(ret, name)) != 0)
		return true;
	if (rr->type == DNS_CNAME) {
		take_name(&rr->data, true, alias);
		if (rr->data.bad || ret->n_chain == DNS_CHAIN_MAX || ret->n_addresses ||
		    ret->n_services)
			return false;
		lower(alias, ret->chain[ret->n_chain++]);
		bound_seconds(ret, rr->seconds);
		return true;
	}
	if (rr->type == DNS_SRV && type == DNS_SRV)
		return use_service(rr, ret);
	if (rr->type != type || type == DNS_SRV || rr->bytes != bytes || ret->n_addresses == DNS_ADDRESSES_MAX)
		return true;
	address = &ret->addresses[ret->n_addresses++];
	*address = (struct net_address){.family = type == DNS_A ? AF_INET : AF_INET6};
	memcpy(&address->v6, rr->data.bytes + rr->data.at, bytes);
	bound_seconds(ret, rr->seconds);
	return true;
}

int dns_answer_parse(const uint8_t *bytes, size_t size, uint16_t id, const char *name,
		     uint16_t type, struct dns_answer *ret)
{
	struct reader r = {bytes, size, 0, false};
	char asked[NET_NAME_SIZE], plain[NET_NAME_SIZE];
	uint16_t got_id = take16(&r), flags = take16(&r), questions = take16(&r);
	uint16_t answers = take16(&r);

	*ret = (struct dns_answer){.seconds = UINT32_MAX};
	(void)take32(&r); /* how many authority and additional records follow: not used */
	if (r.bad || got_id != id || !(flags & FLAG_ANSWER) || flags & OPCODE_MASK || questions != 1)
		return -EBADMSG;
	take_name(&r, false, asked);
	lower(asked, plain);
	if (take16(&r) != type || take16(&r) != CLASS_IN || r.bad || strcmp(plain, name) != 0)
		return -EBADMSG;
	ret->code = flags & CODE_MASK;
	ret->cut = flags & FLAG_CUT;
	for (uint16_t i = 0; i < answers && ret->code == DNS_OK && !ret->cut; i++) {
		struct record rr;

		take_record(&r, &rr);
		if (r.bad || !use_record(&rr, name, type, ret))
			return -EBADMSG;
	}
	if (ret->n_addresses == 0 && ret->n_chain == 0 && ret->n_services == 0)
		ret->seconds = 0;
	return 0;
}

static void put_record(struct writer *w, const struct dns_answer *a, size_t owner, uint16_t type,
		       size_t bytes)
{
	put16(w, (uint16_t)(POINTER << 8 | owner));
	put16(w, type);
	put16(w, CLASS_IN);
	put32(w, a->seconds);
	put16(w, (uint16_t)bytes);
}

static size_t name_bytes(const char *name)
{
	return strlen(name) + (*name ? 2 : 1);
}

/* Owners are pointers to where the name already stands: the question, or the last alias. */
static void put_records(struct writer *w, const struct dns_answer *a)
{
	size_t owner = HEADER_BYTES;

	for (size_t i = 0; i < a->n_chain; i++) {
		put_record(w, a, owner, DNS_CNAME, name_bytes(a->chain[i]));
		owner = w->at;
		put_name(w, a->chain[i]);
	}
	for (size_t i = 0; i < a->n_addresses; i++) {
		bool v4 = a->addresses[i].family == AF_INET;

		put_record(w, a, owner, v4 ? DNS_A : DNS_AAAA, v4 ? 4 : 16);
		put(w, &a->addresses[i].v6, v4 ? 4 : 16);
	}
	for (size_t i = 0; i < a->n_services; i++) {
		const struct dns_service *s = &a->services[i];

		put_record(w, a, owner, DNS_SRV, 6 + name_bytes(s->target));
		put16(w, s->priority);
		put16(w, s->weight);
		put16(w, s->port);
		put_name(w, s->target); /* RFC 2782: in full */
	}
	if (a->pointer[0]) {
		put_record(w, a, owner, DNS_PTR, name_bytes(a->pointer));
		put_name(w, a->pointer);
	}
}

static size_t count_records(const struct dns_answer *a)
{
	return a->n_chain + a->n_addresses + a->n_services + (a->pointer[0] != '\0');
}

size_t dns_answer_make(const struct dns_query *q, enum dns_code code,
		       const struct dns_answer *a, size_t max, uint8_t ret[DNS_ANSWER_MAX])
{
	unsigned int flags = FLAG_ANSWER | FLAG_RECURSES | (q->recursion ? FLAG_RECURSION : 0) | code;
	bool whole = q->class != 0; /* the question could be read */
	struct writer w = {ret, max < DNS_ANSWER_MAX ? max : DNS_ANSWER_MAX, 0, false};

	put_header(&w, q->id, flags, whole, a ? count_records(a) : 0, q->edns);
	if (whole) {
		put_name(&w, q->asked);
		put16(&w, q->type);
		put16(&w, q->class);
	}
	if (a)
		put_records(&w, a);
	if (q->edns)
		put_edns(&w);
	if (!w.full)
		return w.at;
	w = (struct writer){ret, DNS_QUERY_MAX, 0, false};
	put_header(&w, q->id, flags | FLAG_CUT, 1, 0, 0);
	put_name(&w, q->asked);
	put16(&w, q->type);
	put16(&w, q->class);
	return w.at;
}

/* Digits of 4 bits, the lowest first, each a label; @name behind them in @ret_rest. */
static bool read_nibbles(const char *name, uint8_t ret[16], const char **ret_rest)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 32; i++, name += 2) {
		const char *digit = *name ? strchr(digits, *name) : NULL;

		if (!digit || name[1] != '.')
			return false;
		ret[15 - i / 2] |= (uint8_t)((digit - digits) << (i % 2 ? 4 : 0));
	}
	*ret_rest = name;
	return true;
}

bool dns_reverse_parse(const char *name, struct net_address *ret)
{
	unsigned int part[4];
	uint8_t *v4 = (uint8_t *)&ret->v4;
	const char *rest;
	int end = -1;

	*ret = (struct net_address){.family = AF_INET6};
	if (read_nibbles(name, ret->v6.s6_addr, &rest))
		return strcmp(rest, "ip6.arpa") == 0;
	*ret = (struct net_address){.family = AF_INET};
	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &part[0], &part[1], &part[2], &part[3],
		   &end) != 4 ||
	    end < 0 || name[end])
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (part[i] > 255)
			return false;
		v4[3 - i] = (uint8_t)part[i];
	}
	return true;
}
