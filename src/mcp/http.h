/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streamable HTTP (MCP, Transports), on the server's HTTP side: what may come in (Host, Origin,
 * token, size) is its work, a call is one of its jobs, and a call's messages are its events. Many
 * sessions, each of one tenant, told apart by Mcp-Session-Id.
 */
#ifndef APPSILO_MCP_HTTP_H
#define APPSILO_MCP_HTTP_H

#include "mcp/session.h"

/** Is it an address that can be listened on? Returns 0; -EINVAL with the line. */
int mcp_http_check(const struct mcp_options *options, struct appsilo_error *err) must_check;

/** Until a signal comes; then all runs are ended. Returns 0; -errno with the line. */
int mcp_http_serve(struct mcp *mcp, struct appsilo_error *err) must_check;

#endif
