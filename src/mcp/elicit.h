/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consent questions between two protocols: a line of appsilo-prompt(7) becomes an elicitation
 * (MCP, client/elicitation) and what the client answers becomes a line again. What is not
 * clearly a yes is a no that is not remembered. No state.
 */
#ifndef APPSILO_MCP_ELICIT_H
#define APPSILO_MCP_ELICIT_H

#include <jansson.h>
#include <stdbool.h>

/**
 * The params of elicitation/create for @question. Names are shown escaped and whole.
 * @home  of the user, without links: neither it nor a folder above it is offered as a whole
 * NULL: it cannot be shown, and so must be denied; or no memory.
 */
json_t *elicit_params(const json_t *question, const char *home);

/**
 * The answer line without its newline.
 * @result       of the elicitation; NULL: there is none
 * @ret_allowed  whether it is a yes
 * NULL: no memory. Owned by the caller.
 */
char *elicit_answer(const json_t *question, const json_t *result, const char *home, bool *ret_allowed);

/** What was denied and how to allow it: {kind, path or host, access, grant}. NULL: no memory. */
json_t *elicit_denial(const json_t *question);

#endif
