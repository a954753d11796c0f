/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/batch. */
#include "server/batch.h"
#include "server/routes.h"

void route_batch(struct exchange *x)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	struct api_error e;

	if (!batch) {
		exchange_fail(x, 503, "no-memory", "the server is out of memory");
		return;
	}
	if (batch_decode(x->body, x->body_size, &x->server->policy, batch, &e) == 0) {
		exchange_job(x, batch_work, batch, batch_free);
		return;
	}
	batch_free(batch);
	exchange_error(x, &e);
}
