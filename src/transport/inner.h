/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the sandbox's own link (isolation/net_wire.h). Thread-safe: no state. */
#ifndef APPSILO_TRANSPORT_INNER_H
#define APPSILO_TRANSPORT_INNER_H

#include "network/address.h"

/** Does @address lie in the link between the sandbox and its user-mode network? */
bool inner_is_of_link(const struct net_address *address);

#endif
