/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says about itself. */
#include "server/routes.h"

#include "openapi_json.h"

void route_health(struct exchange *x)
{
	exchange_json(x, 200, json_pack("{s:s}", "status", "ok"));
}

/* Not ready while it drains: a balancer then sends nothing more. */
void route_ready(struct exchange *x)
{
	if (atomic_load(&x->server->draining))
		exchange_fail(x, 503, "draining", "the server is shutting down");
	else
		exchange_json(x, 200, json_pack("{s:s}", "status", "ready"));
}

void route_metrics(struct exchange *x)
{
	struct server *s = x->server;
	struct metrics_now now = {.workers = s->n_workers};

	pthread_mutex_lock(&s->queue.lock);
	now.waiting = s->queue.waiting;
	now.running = s->queue.running;
	pthread_mutex_unlock(&s->queue.lock);
	pthread_mutex_lock(&s->sessions.lock);
	now.sessions = s->sessions.n;
	pthread_mutex_unlock(&s->sessions.lock);
	now.connections = clients_count(&s->clients);
	now.warm_waiting = pools_waiting(&s->pools);
	exchange_text(x, 200, "text/plain; version=0.0.4; charset=utf-8",
		      metrics_text(&s->metrics, &now));
}

void route_openapi(struct exchange *x)
{
	x->status = 200;
	x->type = TYPE_JSON;
	x->fixed_reply = openapi_json;
	x->fixed_size = openapi_json_size;
}
