/* SPDX-License-Identifier: Apache-2.0 */
/* Results of tools, as text for the model and as an object for the client. No state. */
#ifndef APPSILO_MCP_OUTCOME_H
#define APPSILO_MCP_OUTCOME_H

#include "mcp/session.h"
#include "server/run.h"

#define OUTCOME_OUTPUT_BYTES (1u << 20) /* of a run, where --output does not say */

/* Results of tools/call, NULL without memory. */

/** The tool was not carried out: @text says why. */
json_t *outcome_failure(const char *text);
/** Of a run of driver.py. @denied as attendant.h has it. */
json_t *outcome_of(const struct mcp_call *call, const struct run_step *step, const json_t *denied);
/** Of list_grants. @all decisions there are, as `consents --json` has them. */
json_t *outcome_grants(const struct mcp *mcp, const json_t *all);

#endif
