/* SPDX-License-Identifier: Apache-2.0 */
/* What comes out of the sandbox's tunnel. */
#include "fuzz.h"

#include "transport/packet.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t refusal[PACKET_REFUSAL_MAX];
	struct packet p, back;
	size_t n;

	if (packet_parse(data, size, &p) < 0)
		return 0;
	ALWAYS(p.header_bytes + p.payload_bytes <= size);
	ALWAYS(p.protocol == NET_ICMP || p.target_port);
	n = packet_make_refusal(&p, refusal);
	ALWAYS(n <= sizeof(refusal));
	/* A reset is itself a packet, back to where this one came from. */
	if (n && p.protocol == NET_TCP && p.source_port) {
		ALWAYS(packet_parse(refusal, n, &back) == 0);
		ALWAYS(back.resets && back.target_port == p.source_port);
		ALWAYS(memcmp(&back.target, &p.source, sizeof(p.source)) == 0);
	}
	return 0;
}
