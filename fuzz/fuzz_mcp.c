/* SPDX-License-Identifier: Apache-2.0 */
/* A client's message, a broker's question and the answer to it: whatever they are, only a well-formed yes is a yes. */
#include "fuzz.h"

#include "mcp/elicit.h"
#include "mcp/rpc.h"
#include <string.h>

static const char question_text[] =
	"{\"v\":1,\"id\":7,\"package\":\"a_8wekyb3d8bbwe\",\"app\":\"a\",\"pid\":1,\"kind\":\"file\",\"path\":\"/home/u/x\","
	"\"access\":\"read\",\"operation\":\"open\",\"target\":\"file\",\"exists\":true}";

static bool is_word(const json_t *object, const char *key, const char *word)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, word) == 0;
}

/* As an answer to a question whose folder is not offered. */
static void check_answer(json_t *message)
{
	cleanup_json json_t *question = json_loads(question_text, 0, NULL);
	json_t *result = json_object_get(message, "result");
	bool allowed = true;
	cleanup_free char *line = elicit_answer(question, result, "/home/u", &allowed);

	ALWAYS(line && !strchr(line, '\n') && !strstr(line, "folder"));
	ALWAYS(allowed == (strstr(line, "\"decision\":\"allow\"") != NULL));
	if (allowed)
		ALWAYS(is_word(result, "action", "accept") &&
		       is_word(json_object_get(result, "content"), "decision", "allow"));
}

/* As a question: what is shown has no control byte but the line break of ours. */
static void check_question(json_t *message)
{
	cleanup_json json_t *params = elicit_params(message, "/home/u");
	cleanup_json json_t *denial = elicit_denial(message);
	const char *text = json_string_value(json_object_get(params, "message"));
	const char *grant = json_string_value(json_object_get(denial, "grant"));

	for (size_t i = 0; text && text[i]; i++)
		ALWAYS((unsigned char)text[i] >= ' ' || (text[i] == '\n' && strchr(text, '\n') == text + i));
	for (size_t i = 0; grant && grant[i]; i++)
		ALWAYS((unsigned char)grant[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *error, *id;
	cleanup_json json_t *message = rpc_parse((const char *)data, size, &error);

	ALWAYS(!message != !error);
	json_decref(error);
	if (!message)
		return 0;
	if (rpc_kind(message, &id) == RPC_RESPONSE)
		ALWAYS(id);
	check_answer(message);
	check_question(message);
	return 0;
}
