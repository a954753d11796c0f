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
	return a->port == b->port && a->protocol == b->protocol &&
	       a->address.family == b->address.family && strcmp(a->name, b->name) == 0 &&
	       (a->address.family == AF_UNSPEC ||
		net_address_equal(&a->address, &b->address));
}

/* NULL: to be counted with the others. */
static struct net_account_row *find_row(struct net_account *a, const struct net_target *target)
{
	struct net_account_row wanted;

	if (!make_row(target, &wanted))
		return NULL;
	for (size_t i = 0; i < a->n; i++)
		if (is_same(&a->rows[i], &wanted))
			return &a->rows[i];
	if (a->n == NET_ACCOUNT_MAX)
		return NULL;
	a->rows[a->n] = wanted;
	return &a->rows[a->n++];
}

void net_account_add(struct net_account *a, const struct net_target *target, bool allowed)
{
	struct net_account_row *row = find_row(a, target);
	int64_t *connections = row ? &row->connections : &a->other_connections;
	int64_t *refused = row ? &row->refused : &a->other_refused;

	*(allowed ? connections : refused) += 1;
}

const char *net_account_protocol(const struct net_account_row *row)
{
	static const char *const words[] = {
		[NET_TCP] = "tcp", [NET_UDP] = "udp", [NET_ICMP] = "icmp"};

	return row->address.family == AF_UNSPEC ? "dns" : words[row->protocol];
}
