/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out a call: a run of driver.py for each, and its result. */
#ifndef APPSILO_MCP_CALL_H
#define APPSILO_MCP_CALL_H

#include "mcp/session.h"

/** Carry @call out and send its answer, unless it was cancelled. Any number of threads. */
void mcp_call_run(struct mcp_call *call, struct mcp_sink *sink);

/** Before the first session: find out that a run works, and whose it is. 0; -errno with the line. */
int mcp_probe(struct mcp *mcp, struct appsilo_error *err) must_check;

#endif
