/* SPDX-License-Identifier: Apache-2.0 */
/* `appsilo mcp`: a Model Context Protocol server. docs/ARCHITECTURE.md, MCP. */
#ifndef APPSILO_MCP_MAIN_H
#define APPSILO_MCP_MAIN_H

#include "base/error.h"

/** argv[0] is the command's name; signals that end us are blocked. Returns an exit code. */
int mcp_main(int argc, char **argv, struct appsilo_error *err);

#endif
