/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC 2.0 as the Model Context Protocol has it: messages made and told apart. No state. */
#ifndef APPSILO_MCP_RPC_H
#define APPSILO_MCP_RPC_H

#include "base/cleanup.h"
#include <jansson.h>
#include <stdbool.h>

/* The newest is what a client gets that asks for one we do not know. */
#define MCP_VERSION "2025-11-25"
#define MCP_VERSION_BEFORE "2025-06-18"

/* A longer message is refused. */
#define RPC_MESSAGE_MAX (16u << 20)

enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_UNKNOWN_METHOD = -32601,
	RPC_INVALID_PARAMS = -32602,
	RPC_BUSY = -32000,
};

enum rpc_kind { RPC_MALFORMED, RPC_REQUEST, RPC_NOTIFICATION, RPC_RESPONSE };

/** What is @message? @ret_id is that of a request or response, else NULL; borrowed. */
enum rpc_kind rpc_kind(const json_t *message, json_t **ret_id);

/* New messages, NULL without memory. @id NULL is written as null. */
json_t *rpc_result(json_t *id, json_t *result); /* takes @result */
json_t *rpc_error(json_t *id, enum rpc_code code, const char *format, ...) printf_like(3, 4);
json_t *rpc_request(const char *id, const char *method, json_t *params); /* takes @params */
json_t *rpc_notification(const char *method, json_t *params);		  /* takes @params */

/** A message from bytes; NULL with *ret_error, which is to be sent. */
json_t *rpc_parse(const char *bytes, size_t size, json_t **ret_error);

/** The version that is spoken when the client asks for @asked. Static. */
const char *rpc_negotiate(const char *asked);
bool rpc_is_version(const char *version);

static inline void json_decrefp_fn(json_t **object)
{
	json_decref(*object);
}

#define cleanup_json cleanup(json_decrefp_fn)

#endif
