/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the broker and appsilo-stacks: a SOCK_SEQPACKET pair. A request brings what has to be
 * opened, so that the other side needs no right to open anything, and the socket for its answer:
 * a stack as consent/stack_text.h has it, without a NUL, or its end, where there is none.
 */
#ifndef APPSILO_STACKS_WIRE_H
#define APPSILO_STACKS_WIRE_H

#include <stdint.h>

/* Of thread TID below /proc/TID, in this order. */
enum stacks_fd {
	STACKS_MEM,
	STACKS_MAPS,
	STACKS_REPLY,
	STACKS_FDS,
};

struct stacks_request {
	int32_t thread_id; /* as the sandbox sees it */
	uint32_t is_main;
	uint64_t stack_pointer, instruction; /* /proc/TID/syscall; 0: not known */
};

#endif
