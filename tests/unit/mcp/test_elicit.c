/* SPDX-License-Identifier: Apache-2.0 */
/* Questions as elicitations, answers as lines, and the messages around them. */
#include "base/cleanup.h"
#include "mcp/elicit.h"
#include "mcp/rpc.h"
#include "mcp/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FILE_QUESTION                                                                              \
	"{\"v\":1,\"id\":7,\"package\":\"a_8wekyb3d8bbwe\",\"app\":\"a\",\"pid\":1,\"kind\":\"file\"," \
	"\"path\":\"%s\",\"access\":\"%s\",\"operation\":\"open\",\"target\":\"file\",\"exists\":true}"

static json_t *question(const char *path, const char *access)
{
	json_t *object;
	char *text;

	assert_true(asprintf(&text, FILE_QUESTION, path, access) > 0);
	object = json_loads(text, 0, NULL);
	free(text);
	assert_non_null(object);
	return object;
}

static bool offers_target(const char *path)
{
	cleanup_json json_t *q = question(path, "read");
	cleanup_json json_t *params = elicit_params(q, "/home/u");

	assert_non_null(params);
	return json_object_get(json_object_get(json_object_get(params, "requestedSchema"), "properties"), "target");
}

static void folder_is_offered_where_it_is_narrow(void **state)
{
	(void)state;
	assert_true(offers_target("/home/u/data/x"));
	assert_true(offers_target("/srv/data/x"));
	assert_false(offers_target("/home/u/x"));
	assert_false(offers_target("/home/x"));
	assert_false(offers_target("/srv/x"));
	assert_false(offers_target("/x"));
}

static void answer_of(const char *result, const char *expected, bool allowed)
{
	cleanup_json json_t *q = question("/home/u/data/x", "write");
	cleanup_json json_t *object = json_loads(result, 0, NULL);
	bool is_allowed = !allowed;
	cleanup_free char *line = elicit_answer(q, object, "/home/u", &is_allowed);

	assert_string_equal(line, expected);
	assert_int_equal(is_allowed, allowed);
}

static void only_a_clear_yes_is_one(void **state)
{
	static const char no[] = "{\"v\":1,\"id\":7,\"decision\":\"deny\",\"scope\":\"once\"}";

	(void)state;
	answer_of("{\"action\":\"accept\",\"content\":{\"decision\":\"allow\"}}",
		  "{\"v\":1,\"id\":7,\"decision\":\"allow\",\"scope\":\"once\"}", true);
	answer_of("{\"action\":\"accept\",\"content\":{\"decision\":\"allow\",\"scope\":\"always\",\"target\":\"folder\"}}",
		  "{\"v\":1,\"id\":7,\"decision\":\"allow\",\"scope\":\"always\",\"target\":\"folder\"}", true);
	answer_of("{\"action\":\"accept\",\"content\":{\"decision\":\"deny\",\"scope\":\"always\"}}",
		  "{\"v\":1,\"id\":7,\"decision\":\"deny\",\"scope\":\"always\"}", false);
	answer_of("{\"action\":\"accept\",\"content\":{\"decision\":\"allow\",\"target\":\"host\"}}", no, false);
	answer_of("{\"action\":\"accept\",\"content\":{\"decision\":\"allow\",\"scope\":1}}", no, false);
	answer_of("{\"action\":\"accept\",\"content\":{\"scope\":\"always\"}}", no, false);
	answer_of("{\"action\":\"decline\",\"content\":{\"decision\":\"allow\"}}", no, false);
	answer_of("{\"content\":{\"decision\":\"allow\"}}", no, false);
	answer_of("[]", no, false);
	answer_of("nonsense", no, false);
}

static void denial_says_how_to_grant_or_nothing(void **state)
{
	cleanup_json json_t *plain = question("/home/u/data/x", "write"), *spaced = question("/srv/a b/c", "read"),
			    *odd = question("/srv/a\\nb", "read"), *quoted = question("/srv/it's", "read");
	cleanup_json json_t *a = elicit_denial(plain), *b = elicit_denial(spaced), *c = elicit_denial(odd),
			    *d = elicit_denial(quoted);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(a, "grant")),
			    "appsilo grant -p a_8wekyb3d8bbwe --write /home/u/data/x");
	assert_string_equal(json_string_value(json_object_get(b, "grant")),
			    "appsilo grant -p a_8wekyb3d8bbwe --read '/srv/a b/c'");
	assert_string_equal(json_string_value(json_object_get(c, "path")), "/srv/a\\x0ab");
	assert_null(json_object_get(c, "grant"));
	assert_null(json_object_get(d, "grant"));
}

static void messages_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum rpc_kind kind;
	} rows[] = {
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\"}", RPC_REQUEST},
		{"{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", RPC_NOTIFICATION},
		{"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"result\":{}}", RPC_RESPONSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", RPC_RESPONSE},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{},\"result\":{}}", RPC_MALFORMED},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"result\":{}}", RPC_MALFORMED},
		{"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"x\"}", RPC_MALFORMED},
		{"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"x\"}", RPC_MALFORMED},
		{"{\"id\":1,\"method\":\"x\"}", RPC_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_json json_t *message = json_loads(rows[i].text, 0, NULL);
		json_t *id;

		assert_int_equal(rpc_kind(message, &id), rows[i].kind);
	}
}

static void schema_is_kept(void **state)
{
	static const char text[] =
		"{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9},"
		"\"s\":{\"type\":\"string\",\"maxLength\":3,\"enum\":[\"a\",\"abcd\"]},"
		"\"l\":{\"type\":\"array\",\"maxItems\":2,\"items\":{\"type\":\"boolean\"}}},"
		"\"required\":[\"n\"],\"additionalProperties\":false}";
	static const char *const good[] = {"{\"n\":1}", "{\"n\":9,\"s\":\"a\",\"l\":[true,false]}"};
	static const char *const bad[] = {"[]", "{}", "{\"n\":0}", "{\"n\":10}", "{\"n\":1.5}", "{\"n\":1,\"s\":\"b\"}",
					  "{\"n\":1,\"s\":\"abcd\"}", "{\"n\":1,\"l\":[1]}",
					  "{\"n\":1,\"l\":[true,true,true]}", "{\"n\":1,\"x\":1}"};
	cleanup_json json_t *schema = json_loads(text, 0, NULL);
	struct appsilo_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cleanup_json json_t *value = json_loads(good[i], 0, NULL);

		assert_int_equal(schema_check(schema, value, "t", &err), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_json json_t *value = json_loads(bad[i], 0, NULL);

		assert_int_equal(schema_check(schema, value, "t", &err), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folder_is_offered_where_it_is_narrow),
		cmocka_unit_test(only_a_clear_yes_is_one),
		cmocka_unit_test(denial_says_how_to_grant_or_nothing),
		cmocka_unit_test(messages_are_told_apart),
		cmocka_unit_test(schema_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
