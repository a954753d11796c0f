/* SPDX-License-Identifier: Apache-2.0 */
/* Which request goes where. A route is a row; its function answers or makes a job. */
#ifndef APPSILO_SERVER_ROUTES_H
#define APPSILO_SERVER_ROUTES_H

#include "server/exchange.h"

enum route_flags {
	ROUTE_OPEN = 1,	 /* needs no token */
	ROUTE_BODY = 2,	 /* takes a JSON body */
	ROUTE_BYTES = 4, /* takes a body of any kind */
	ROUTE_PISTON = 8, /* errors as {"message"} */
	ROUTE_SOCKET = 16, /* becomes a websocket */
	ROUTE_BODY_OPTIONAL = 32, /* besides ROUTE_BODY: may do without */
};

struct route {
	const char *method;
	const char *path; /* "*" stands for one segment, "**" at the end for all that is left */
	unsigned int flags;
	void (*handle)(struct exchange *x);
};

/* Those of `serve`; a table ends with a row of NULLs. */
extern const struct route serve_routes[];

/**
 * Find the row of @x's server. @x's segments are filled.
 * NULL with *ret_allow the methods there are for this path, or NULL when there is no such path.
 */
const struct route *routes_find(struct exchange *x, const char **ret_allow);

/* route_run.c */
void route_run(struct exchange *x);
void route_run_socket(struct exchange *x);
void route_cancel(struct exchange *x);
/* route_piston.c, route_snekbox.c, route_batch.c */
void route_piston_execute(struct exchange *x);
void route_piston_runtimes(struct exchange *x);
void route_snekbox(struct exchange *x);
void route_batch(struct exchange *x);
/* route_sessions.c */
void route_session_open(struct exchange *x);
void route_session_list(struct exchange *x);
void route_session_delete(struct exchange *x);
void route_session_run(struct exchange *x);
void route_session_socket(struct exchange *x);
void route_session_reset(struct exchange *x);
void route_session_files(struct exchange *x);
void route_session_get(struct exchange *x);
void route_session_put(struct exchange *x);
void route_session_remove(struct exchange *x);
/* route_info.c */
void route_health(struct exchange *x);
void route_ready(struct exchange *x);
void route_metrics(struct exchange *x);
void route_openapi(struct exchange *x);
void route_limits(struct exchange *x);
/* route_playground.c */
void route_playground(struct exchange *x);
void route_playground_css(struct exchange *x);
void route_playground_js(struct exchange *x);
void route_playground_editor(struct exchange *x);

#endif
