/* SPDX-License-Identifier: Apache-2.0 */
/* One session over stdin and stdout: a message a line (MCP, Transports, stdio). */
#ifndef APPSILO_MCP_STDIO_H
#define APPSILO_MCP_STDIO_H

#include "mcp/session.h"

/** Until stdin ends or a signal comes; then all runs are ended. Returns 0; -errno with the line. */
int mcp_stdio_serve(const struct mcp *mcp, struct appsilo_error *err) must_check;

#endif
