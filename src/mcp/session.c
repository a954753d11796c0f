/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/session.h"

#include "config.h"
#include <string.h>
#include <sys/eventfd.h>

static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};

static const char instructions[] =
	"Programs run in a sandbox. They reach the system's files to read, a home of their own, and "
	"what the user has granted; anything else is asked about or denied. A denial is an ordinary "
	"PermissionError inside, and the result says what was denied and how the user can grant it.";

struct mcp_session *mcp_session_new(const struct mcp *mcp)
{
	struct mcp_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	atomic_init(&s->refs, 1);
	s->mcp = mcp;
	s->level = MCP_WARNING;
	return s;
}

struct mcp_session *mcp_session_ref(struct mcp_session *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void mcp_session_unref(struct mcp_session *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void call_cancel(struct mcp_call *call, bool silently)
{
	if (silently)
		atomic_store(&call->cancelled, true);
	(void)!eventfd_write(call->cancel_fd, 1);
}

void mcp_session_cancel(struct mcp_session *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct mcp_call *call = s->calls; call; call = call->next)
		call_cancel(call, true);
	pthread_mutex_unlock(&s->lock);
}

static void leave_session(struct mcp_call *call)
{
	struct mcp_session *s = call->session;

	pthread_mutex_lock(&s->lock);
	for (struct mcp_call **p = &s->calls; *p; p = &(*p)->next) {
		if (*p != call)
			continue;
		*p = call->next;
		s->n_calls--;
		break;
	}
	pthread_mutex_unlock(&s->lock);
	mcp_session_unref(s);
}

void mcp_call_free(struct mcp_call *call)
{
	if (!call)
		return;
	leave_session(call);
	json_decref(call->id);
	json_decref(call->arguments);
	json_decref(call->progress_token);
	json_decref(call->answer);
	close_keep_errno(call->cancel_fd);
	close_keep_errno(call->answer_fd);
	free(call);
}

DEFINE_CLEANUP(struct mcp_call *, mcp_call_free)

/* Elicitation with a form: what is there without a word about modes. */
static bool can_elicit(const json_t *capabilities)
{
	const json_t *elicitation = json_object_get(capabilities, "elicitation");

	return json_is_object(elicitation) &&
	       (json_object_get(elicitation, "form") || !json_object_get(elicitation, "url"));
}

static json_t *initialize(struct mcp_session *s, json_t *id, const json_t *params)
{
	const char *asked = json_string_value(json_object_get(params, "protocolVersion"));
	const json_t *capabilities = json_object_get(params, "capabilities");
	bool again;

	if (!asked || !json_is_object(capabilities))
		return rpc_error(id, RPC_INVALID_PARAMS, "initialize: protocolVersion and capabilities are needed");
	pthread_mutex_lock(&s->lock);
	again = s->version != NULL;
	if (!again) {
		s->version = rpc_negotiate(asked);
		s->elicits = can_elicit(capabilities);
	}
	pthread_mutex_unlock(&s->lock);
	if (again)
		return rpc_error(id, RPC_INVALID_REQUEST, "initialize: this session has begun already");
	return rpc_result(id, json_pack("{s:s,s:{s:{},s:{}},s:{s:s,s:s,s:s},s:s}", "protocolVersion", s->version,
					"capabilities", "tools", "logging", "serverInfo", "name", "appsilo",
					"title", "appsilo", "version", APPSILO_VERSION, "instructions",
					instructions));
}

static json_t *list_tools(const struct mcp_session *s, json_t *id, const json_t *params)
{
	if (json_object_get(params, "cursor"))
		return rpc_error(id, RPC_INVALID_PARAMS, "tools/list: there is one page, and no cursor");
	return rpc_result(id, json_pack("{s:O}", "tools", s->mcp->tools));
}

static json_t *set_level(struct mcp_session *s, json_t *id, const json_t *params)
{
	const char *word = json_string_value(json_object_get(params, "level"));

	for (size_t i = 0; word && i < ARRAY_SIZE(levels); i++) {
		if (strcmp(word, levels[i]) != 0)
			continue;
		pthread_mutex_lock(&s->lock);
		s->level = (enum mcp_level)i;
		pthread_mutex_unlock(&s->lock);
		return rpc_result(id, json_object());
	}
	return rpc_error(id, RPC_INVALID_PARAMS, "logging/setLevel: level must be debug, info, notice, warning, "
			 "error, critical, alert or emergency");
}

static const json_t *find_tool(const struct mcp *mcp, const char *name)
{
	for (size_t i = 0; name && i < json_array_size(mcp->tools); i++) {
		const json_t *tool = json_array_get(mcp->tools, i);

		if (strcmp(json_string_value(json_object_get(tool, "name")), name) == 0)
			return tool;
	}
	return NULL;
}

static bool is_token(const json_t *token)
{
	return json_is_string(token) || json_is_integer(token);
}

/* Returns an error to answer with; NULL: it is one of the session's calls now. */
static json_t *enter_session(struct mcp_session *s, struct mcp_call *call)
{
	json_t *refusal = NULL;

	pthread_mutex_lock(&s->lock);
	for (const struct mcp_call *other = s->calls; other && !refusal; other = other->next)
		if (json_equal(other->id, call->id))
			refusal = rpc_error(NULL, RPC_INVALID_REQUEST, "a request with this id goes on already");
	if (!refusal && s->n_calls >= MCP_CALLS_MAX)
		refusal = rpc_error(call->id, RPC_BUSY, "too many calls at once; wait for one to end");
	if (!refusal) {
		call->next = s->calls;
		s->calls = call;
		s->n_calls++;
	}
	pthread_mutex_unlock(&s->lock);
	return refusal;
}

static struct mcp_call *call_new(struct mcp_session *s, json_t *id, const json_t *tool, json_t *params)
{
	struct mcp_call *call = calloc(1, sizeof(*call));
	json_t *arguments = json_object_get(params, "arguments");
	json_t *token = json_object_get(json_object_get(params, "_meta"), "progressToken");

	if (!call)
		return NULL;
	call->session = mcp_session_ref(s);
	call->tool = tool;
	call->id = json_incref(id);
	call->arguments = arguments ? json_incref(arguments) : json_object();
	call->progress_token = is_token(token) ? json_incref(token) : NULL;
	call->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	call->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (call->arguments && call->cancel_fd >= 0 && call->answer_fd >= 0)
		return call;
	mcp_call_free(call);
	return NULL;
}

/* What is wrong with the arguments is the tool's to say, so that the model reads it. */
static json_t *call_tool(struct mcp_session *s, json_t *id, json_t *params, struct mcp_call **ret)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	const json_t *tool = find_tool(s->mcp, name), *arguments = json_object_get(params, "arguments");
	cleanup(mcp_call_freep) struct mcp_call *call = NULL;
	json_t *refusal;

	if (!tool)
		return rpc_error(id, RPC_INVALID_PARAMS, name ? "tools/call: there is no such tool"
							      : "tools/call: name is needed");
	if (arguments && !json_is_object(arguments))
		return rpc_error(id, RPC_INVALID_PARAMS, "tools/call: arguments must be an object");
	call = call_new(s, id, tool, params);
	if (!call)
		return rpc_error(id, RPC_BUSY, "out of memory or descriptors");
	refusal = enter_session(s, call);
	if (!refusal)
		*ret = TAKE_PTR(call);
	return refusal;
}

static bool has_begun(struct mcp_session *s)
{
	bool begun;

	pthread_mutex_lock(&s->lock);
	begun = s->version != NULL;
	pthread_mutex_unlock(&s->lock);
	return begun;
}

static json_t *answer_request(struct mcp_session *s, json_t *message, json_t *id, struct mcp_call **ret_call)
{
	const char *method = json_string_value(json_object_get(message, "method"));
	json_t *params = json_object_get(message, "params");

	if (params && !json_is_object(params))
		return rpc_error(id, RPC_INVALID_PARAMS, "params must be an object");
	if (strcmp(method, "initialize") == 0)
		return initialize(s, id, params);
	if (strcmp(method, "ping") == 0)
		return rpc_result(id, json_object());
	if (!has_begun(s))
		return rpc_error(id, RPC_INVALID_REQUEST, "initialize comes first");
	if (strcmp(method, "tools/list") == 0)
		return list_tools(s, id, params);
	if (strcmp(method, "tools/call") == 0)
		return call_tool(s, id, params, ret_call);
	if (strcmp(method, "logging/setLevel") == 0)
		return set_level(s, id, params);
	return rpc_error(id, RPC_UNKNOWN_METHOD, "there is no such method");
}

static void take_notification(struct mcp_session *s, const json_t *message)
{
	const char *method = json_string_value(json_object_get(message, "method"));
	const json_t *id = json_object_get(json_object_get(message, "params"), "requestId");

	if (strcmp(method, "notifications/cancelled") != 0 || !id)
		return;
	pthread_mutex_lock(&s->lock);
	for (struct mcp_call *call = s->calls; call; call = call->next)
		if (json_equal(call->id, id))
			call_cancel(call, true);
	pthread_mutex_unlock(&s->lock);
}

/* An answer that nobody has asked for is dropped. */
static void take_answer(struct mcp_session *s, json_t *message, const json_t *id)
{
	const char *name = json_string_value(id);

	pthread_mutex_lock(&s->lock);
	for (struct mcp_call *call = s->calls; name && call; call = call->next) {
		if (!*call->question || call->answer || strcmp(call->question, name) != 0)
			continue;
		call->answer = json_incref(message);
		(void)!eventfd_write(call->answer_fd, 1);
	}
	pthread_mutex_unlock(&s->lock);
}

void mcp_session_take(struct mcp_session *s, json_t *message, json_t **ret_reply, struct mcp_call **ret_call)
{
	json_t *id;

	*ret_reply = NULL;
	*ret_call = NULL;
	switch (rpc_kind(message, &id)) {
	case RPC_REQUEST:
		*ret_reply = answer_request(s, message, id, ret_call);
		return;
	case RPC_NOTIFICATION:
		take_notification(s, message);
		return;
	case RPC_RESPONSE:
		take_answer(s, message, id);
		return;
	case RPC_MALFORMED:
		break;
	}
	*ret_reply = rpc_error(id, RPC_INVALID_REQUEST, "not a JSON-RPC 2.0 request, notification or response");
}

int mcp_call_ask(struct mcp_call *call, struct mcp_sink *sink, json_t *params)
{
	struct mcp_session *s = call->session;
	bool elicits;

	pthread_mutex_lock(&s->lock);
	elicits = s->elicits;
	if (elicits)
		snprintf(call->question, sizeof(call->question), "question-%llu",
			 (unsigned long long)++s->questions);
	pthread_mutex_unlock(&s->lock);
	if (elicits)
		sink->send(sink, rpc_request(call->question, "elicitation/create", params));
	else
		json_decref(params);
	return elicits ? 0 : -EOPNOTSUPP;
}

json_t *mcp_call_take_answer(struct mcp_call *call)
{
	struct mcp_session *s = call->session;
	cleanup_json json_t *message = NULL;
	eventfd_t count;

	pthread_mutex_lock(&s->lock);
	(void)!eventfd_read(call->answer_fd, &count);
	message = TAKE_PTR(call->answer);
	*call->question = '\0';
	pthread_mutex_unlock(&s->lock);
	return json_incref(json_object_get(message, "result"));
}

void mcp_call_withdraw(struct mcp_call *call, struct mcp_sink *sink)
{
	json_t *params = json_pack("{s:s,s:s}", "requestId", call->question, "reason", "nobody waits for it any more");

	json_decref(mcp_call_take_answer(call));
	sink->send(sink, rpc_notification("notifications/cancelled", params));
}

void mcp_call_log(struct mcp_call *call, struct mcp_sink *sink, enum mcp_level level, const char *text)
{
	struct mcp_session *s = call->session;
	bool wanted;

	pthread_mutex_lock(&s->lock);
	wanted = level >= s->level;
	pthread_mutex_unlock(&s->lock);
	if (wanted)
		sink->send(sink, rpc_notification("notifications/message",
						  json_pack("{s:s,s:s,s:s}", "level", levels[level], "logger",
							    "appsilo", "data", text)));
}
