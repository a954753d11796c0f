/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/rpc.h"

#include <stdarg.h>
#include <string.h>

#define ID_MAX 256

static const char *const versions[] = {MCP_VERSION, MCP_VERSION_BEFORE};

bool rpc_is_version(const char *version)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (strcmp(version, versions[i]) == 0)
			return true;
	return false;
}

const char *rpc_negotiate(const char *asked)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (strcmp(asked, versions[i]) == 0)
			return versions[i];
	return MCP_VERSION;
}

static bool is_id(const json_t *id)
{
	return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= ID_MAX);
}

enum rpc_kind rpc_kind(const json_t *message, json_t **ret_id)
{
	const char *version = json_string_value(json_object_get(message, "jsonrpc"));
	json_t *id = json_object_get(message, "id"), *method = json_object_get(message, "method");
	bool result = json_object_get(message, "result"), error = json_object_get(message, "error");

	*ret_id = is_id(id) ? id : NULL;
	if (!version || strcmp(version, "2.0") != 0 || (id && !*ret_id))
		return RPC_MALFORMED;
	if (json_is_string(method) && !result && !error)
		return id ? RPC_REQUEST : RPC_NOTIFICATION;
	return !method && id && result != error ? RPC_RESPONSE : RPC_MALFORMED;
}

static json_t *message_with(json_t *id, const char *key, json_t *value)
{
	json_t *message = json_pack("{s:s}", "jsonrpc", "2.0");
	int r = message && value ? 0 : -1;

	if (r == 0)
		r = json_object_set_new(message, "id", id ? json_incref(id) : json_null());
	if (r == 0)
		r = json_object_set(message, key, value);
	json_decref(value);
	if (r == 0)
		return message;
	json_decref(message);
	return NULL;
}

json_t *rpc_result(json_t *id, json_t *result)
{
	return message_with(id, "result", result);
}

json_t *rpc_error(json_t *id, enum rpc_code code, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return message_with(id, "error", json_pack("{s:i,s:s}", "code", (int)code, "message", text));
}

json_t *rpc_request(const char *id, const char *method, json_t *params)
{
	return json_pack("{s:s,s:s,s:s,s:o}", "jsonrpc", "2.0", "id", id, "method", method, "params", params);
}

json_t *rpc_notification(const char *method, json_t *params)
{
	return json_pack("{s:s,s:s,s:o}", "jsonrpc", "2.0", "method", method, "params", params);
}

json_t *rpc_parse(const char *bytes, size_t size, json_t **ret_error)
{
	json_error_t why;
	json_t *message = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);

	*ret_error = NULL;
	if (json_is_object(message))
		return message;
	if (json_is_array(message))
		*ret_error = rpc_error(NULL, RPC_INVALID_REQUEST,
				       "batches are not part of the protocol; one message at a time");
	else if (message)
		*ret_error = rpc_error(NULL, RPC_INVALID_REQUEST, "a message is a JSON object");
	else /* The parser's text quotes the bytes: it says where, and no more. */
		*ret_error = rpc_error(NULL, RPC_PARSE_ERROR, "not JSON: line %d, column %d", why.line,
				       why.column);
	json_decref(message);
	return NULL;
}
