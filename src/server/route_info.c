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

/* Zero is not limited. */
static json_t *limit(uint64_t value)
{
	return value ? json_integer((json_int_t)value) : json_null();
}

void route_limits(struct exchange *x)
{
	const struct sandbox_limits *l = &x->server->options.limits;

	exchange_json(x, 200, json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "wall_ms", limit(l->wall_ms), "cpu_ms",
					limit(l->cpu_ms), "memory_bytes", limit(l->memory_bytes), "pids",
					limit(l->pids), "disk_bytes", limit(l->disk_bytes), "file_bytes",
					limit(l->file_bytes), "output_bytes", limit(l->output_bytes), "network",
					x->server->options.net));
}

void route_openapi(struct exchange *x)
{
	x->status = 200;
	x->type = TYPE_JSON;
	x->fixed_reply = openapi_json;
	x->fixed_size = openapi_json_size;
}
