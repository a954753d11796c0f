/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a tool's arguments against the schema that is published for it, so that there is one
 * truth. Of JSON Schema what tools.json uses: type, properties, required, additionalProperties:
 * false, items, enum, minimum, maximum, maxLength, maxItems. No state.
 */
#ifndef APPSILO_MCP_SCHEMA_H
#define APPSILO_MCP_SCHEMA_H

#include "base/error.h"
#include <jansson.h>

/** Returns 0; -EINVAL with a line that names the argument. */
int schema_check(const json_t *schema, const json_t *value, const char *name, struct appsilo_error *err) must_check;

#endif
