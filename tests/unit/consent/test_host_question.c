/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/prompt.h"
#include "consent/question_text.h"
#include <string.h>

static struct consent_host_request host = {"example.org", "1.1.1.1", 443, "tcp", 12};
static const struct consent_host_request lookup = {"example.org", NULL, 0, "dns", 12};

/* What a window shows beside the question. */
#define CONTEXT "\"program\":\"/usr/bin/a\",\"signer\":null,\"caution\":null,\"waiting\":0}\n"

static struct prompt_question question(const struct consent_host_request *about)
{
	return (struct prompt_question){.id = 7, .package = "A_x", .app = "a", .real = "/usr/bin/a",
					.host = about, .request = {.pid = 12}};
}

static void written(const struct consent_host_request *about, const char *want)
{
	struct prompt_question q = question(about);
	char line[1024];

	assert_true(prompt_json_write(&q, line, sizeof(line)) > 0);
	assert_string_equal(line, want);
}

static void questions_name_host_port_and_protocol(void **state)
{
	(void)state;
	written(&host, "{\"v\":1,\"id\":7,\"package\":\"A_x\",\"app\":\"a\",\"pid\":12,\"kind\":\"network\","
		       "\"host\":\"example.org\",\"address\":\"1.1.1.1\",\"port\":443,\"protocol\":\"tcp\"," CONTEXT);
	written(&lookup, "{\"v\":1,\"id\":7,\"package\":\"A_x\",\"app\":\"a\",\"pid\":12,\"kind\":\"network\","
			 "\"host\":\"example.org\",\"address\":null,\"port\":null,\"protocol\":\"dns\"," CONTEXT);
}

static int answer(const char *more, struct prompt_answer *ret)
{
	struct prompt_question q = question(&host);
	char line[256];

	snprintf(line, sizeof(line), "{\"v\":1,\"id\":7,%s}", more);
	return prompt_json_read(line, strlen(line), &q, ret);
}

static void answers_are_for_the_port_unless_they_say_the_host(void **state)
{
	static const char *const bad[] = {
		"\"decision\":\"allow\",\"target\":\"file\"", "\"decision\":\"allow\",\"target\":\"folder\"",
		"\"decision\":\"allow\",\"target\":1", "\"decision\":\"allow\",\"scope\":\"forever\"",
		"\"decision\":\"yes\"", "\"scope\":\"always\""};
	struct prompt_answer a;

	(void)state;
	assert_int_equal(answer("\"decision\":\"allow\",\"scope\":\"always\"", &a), 0);
	assert_int_equal(a.verdict, CONSENT_ALLOW);
	assert_int_equal(a.scope, CONSENT_ALWAYS);
	assert_false(a.any_port);
	assert_int_equal(answer("\"decision\":\"allow\",\"target\":\"port\"", &a), 0);
	assert_false(a.any_port);
	assert_int_equal(answer("\"decision\":\"deny\",\"target\":\"host\",\"scope\":\"session\"", &a), 0);
	assert_int_equal(a.verdict, CONSENT_DENY);
	assert_true(a.any_port);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(answer(bad[i], &a), -EBADMSG);
		assert_int_equal(a.verdict, CONSENT_DENY);
		assert_int_equal(a.scope, CONSENT_ONCE);
	}
}

static void says(const struct consent_host_request *about, const char *caution, const char *want,
		 const char *never)
{
	struct prompt_question q = question(about);
	char *text;

	q.caution = caution;
	text = question_text(&q, 80);
	assert_non_null(text);
	if (!strstr(text, want) || strstr(text, never))
		fail_msg("\"%s\" or not \"%s\": %s", want, never, text);
	free(text);
}

/* A packet does not tell who sent it. */
static void an_unknown_process_is_not_named(void **state)
{
	struct prompt_question q = question(&host);
	char *text;

	(void)state;
	q.request.pid = 0;
	text = question_text(&q, 80);
	assert_non_null(text);
	assert_non_null(strstr(text, "(A_x)"));
	assert_null(strstr(text, "pid"));
	free(text);
}

static void a_person_sees_the_whole_host(void **state)
{
	struct consent_host_request odd = {"a b\n\x1b[2J.example", "1.1.1.1", 80, "tcp", 12};

	(void)state;
	setenv("NO_COLOR", "1", 1);
	setenv("TERM", "dumb", 1);
	says(&host, NULL, "a wants to reach this host:\n    example.org port 443 (tcp, now 1.1.1.1)\n",
	     "careful");
	says(&host, NULL, "  y  yes, always, this host and port\n  a  yes, always, this host, any port\n"
			  "  s  yes, until the program ends", "folder");
	says(&host, "look", "careful: look", "folder");
	says(&host, NULL, "program /usr/bin/a (A_x), pid 12\n", "pid 0");
	says(&lookup, NULL, "a wants to look up and reach this host:\n    example.org\n", "  a  ");
	says(&odd, NULL, "a b\\x0a\\x1b[2J.example port 80", "\x1b");
	odd = (struct consent_host_request){"1.1.1.1", "1.1.1.1", 0, "icmp", 12};
	says(&odd, NULL, "wants to ping this host:\n    1.1.1.1 (icmp)\n", "now");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_name_host_port_and_protocol),
		cmocka_unit_test(answers_are_for_the_port_unless_they_say_the_host),
		cmocka_unit_test(an_unknown_process_is_not_named),
		cmocka_unit_test(a_person_sees_the_whole_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
