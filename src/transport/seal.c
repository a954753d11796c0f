/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/seal.h"

#include "isolation/seal.h"
#include <stddef.h>

#include "net_filter.h"

int net_seal(struct appsilo_error *err)
{
	const struct sock_fprog program = {ARRAY_SIZE(filter_net), (struct sock_filter *)filter_net};

	return seal_process(&program, "network", err);
}
