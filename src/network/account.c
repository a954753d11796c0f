/* SPDX-License-Identifier: Apache-2.0 */
#include "network/account.h"

#include <string.h>
#include <sys/socket.h>

/* False: a name that is none has no words of its own. */
static bool make_row(const struct net_target *t, struct net_account_row *ret)
{
	*ret = (struct net_account_row){.port = t->port, .protocol = t->protocol};
	if (t->name && host_name_parse(t->name, strlen(t->name), ret->name, NULL) < 0)
		return false;
	if (t->address.family == AF_UNSPEC)
		return t->name != NULL;
	ret->address = net_address_real(&t->address);
	return true;
}

static bool is_same(const struct net_account_row *a, const struct net_account_row *b)
{
	return a->port == b->port && a->protocol == b->protocol && a->incoming == b->incoming &&
	       a->address.family == b->address.family && strcmp(a->name, b->name) == 0 &&
	       (a->address.family == AF_UNSPEC ||
		net_address_equal(&a->address, &b->address));
}

static uint32_t find(const struct net_account *a, const struct net_account_row *wanted)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (is_same(&a->rows[i], wanted))
			return i + 1;
	return 0;
}

static struct net_account_counts *counts_of(struct net_account *a, uint32_t number)
{
	return number > 0 && number <= a->n ? &a->rows[number - 1].counts : &a->others;
}

/* @wanted NULL: to be counted with the others. */
static uint32_t count(struct net_account *a, const struct net_account_row *wanted, bool allowed)
{
	uint32_t number = wanted ? find(a, wanted) : 0;
	struct net_account_counts *counts;

	if (wanted && !number && a->n < NET_ACCOUNT_MAX) {
		a->rows[a->n] = *wanted;
		number = (uint32_t)++a->n;
	}
	counts = counts_of(a, number);
	*(allowed ? &counts->connections : &counts->refused) += 1;
	return number;
}

uint32_t net_account_add(struct net_account *a, const struct net_target *target, bool allowed)
{
	struct net_account_row wanted;

	return count(a, make_row(target, &wanted) ? &wanted : NULL, allowed);
}

uint32_t net_account_add_incoming(struct net_account *a, uint16_t port, bool allowed)
{
	const struct net_account_row wanted = {.port = port, .incoming = true};

	return count(a, &wanted, allowed);
}

uint32_t net_account_find(const struct net_account *a, const struct net_target *target)
{
	struct net_account_row wanted;

	return make_row(target, &wanted) ? find(a, &wanted) : 0;
}

/* They come from a program that reads what a hostile one sends: any numbers. */
static void add_up(int64_t *sum, uint64_t more)
{
	if (more > (uint64_t)(INT64_MAX - *sum))
		*sum = INT64_MAX;
	else
		*sum += (int64_t)more;
}

void net_account_add_bytes(struct net_account *a, uint32_t number, uint64_t sent, uint64_t received)
{
	struct net_account_counts *counts = counts_of(a, number);

	add_up(&counts->bytes_sent, sent);
	add_up(&counts->bytes_received, received);
}

const char *net_account_protocol(const struct net_account_row *row)
{
	static const char *const words[] = {
		[NET_TCP] = "tcp", [NET_UDP] = "udp", [NET_ICMP] = "icmp"};

	if (row->incoming)
		return "tcp-in";
	return row->address.family == AF_UNSPEC ? "dns" : words[row->protocol];
}

bool net_account_has_others(const struct net_account *a)
{
	return a->others.connections || a->others.refused || a->others.bytes_sent ||
	       a->others.bytes_received;
}

static void write_names(const struct net_account_row *row, struct json_writer *w)
{
	char address[NET_ADDRESS_TEXT_MAX] = "";

	if (row->address.family != AF_UNSPEC)
		net_address_text(&row->address, address);
	jsonw_string(w, "host", row->name[0] ? row->name : row->incoming ? "*" : address);
	jsonw_string(w, "address", address[0] ? address : NULL);
	if (row->port)
		jsonw_int(w, "port", row->port);
	else
		jsonw_null(w, "port");
	jsonw_string(w, "protocol", net_account_protocol(row));
}

void net_account_write(const struct net_account *a, uint32_t number, struct json_writer *w)
{
	const struct net_account_counts *counts = &a->others;

	if (number > 0) {
		write_names(&a->rows[number - 1], w);
		counts = &a->rows[number - 1].counts;
	} else {
		jsonw_null(w, "host");
	}
	jsonw_int(w, "connections", counts->connections);
	jsonw_int(w, "refused", counts->refused);
	jsonw_int(w, "bytes_sent", counts->bytes_sent);
	jsonw_int(w, "bytes_received", counts->bytes_received);
}
