/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/inner.h"

#include "isolation/net_wire.h"
#include <arpa/inet.h>

bool inner_is_of_link(const struct net_address *address)
{
	struct net_address network = {.family = address->family};

	if (address->family == AF_INET) {
		network.v4.s_addr = htonl(NET_NETWORK_ADDRESS);
		return net_address_within(address, &network, 29);
	}
	return inet_pton(AF_INET6, NET_NETWORK_ADDRESS6, &network.v6) == 1 &&
	       net_address_within(address, &network, NET_NETWORK_BITS6);
}
