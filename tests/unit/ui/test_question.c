/* SPDX-License-Identifier: Apache-2.0 */
/* What the prompt window reads is what the broker wrote, and nothing else is a question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/prompt.h"
#include "ui/question.h"
#include <string.h>

static const struct prompt_question file = {
	.id = 7, .package = "A_x", .app = "a", .real = "/usr/bin/a", .signer = "CN=Contoso", .caution = "take care",
	.offer_folder = true, .folder_has_git = true, .waiting = 2,
	.request = {.path = "/home/u/\xff\x80 \\udc41 \\ \xc3\xa4\x01\"", .operation = "create",
		    .access = CONSENT_WRITE, .target = CONSENT_FILE, .pid = 12}};

static const struct consent_host_request host = {
	.host = "example.org", .address = "1.1.1.1", .port = 443, .protocol = "tcp"};

static void pass_on(const struct prompt_question *from, struct question *ret)
{
	char line[4096];
	int64_t waiting_id = -1;
	int n = prompt_json_write(from, line, sizeof(line));

	assert_true(n > 0);
	assert_int_equal(question_read(line, (size_t)n - 1, ret, &waiting_id), 0);
	assert_int_equal(waiting_id, 0);
}

static void a_question_about_a_file_arrives_byte_by_byte(void **state)
{
	struct question q;

	(void)state;
	pass_on(&file, &q);
	assert_int_equal(q.id, 7);
	assert_false(q.network);
	assert_string_equal(q.file.path, file.request.path);
	assert_string_equal(q.file.operation, "create");
	assert_int_equal(q.file.access, CONSENT_WRITE);
	assert_int_equal(q.file.target, CONSENT_FILE);
	assert_int_equal(q.file.pid, 12);
	assert_false(q.file.exists);
	assert_string_equal(q.signer, "CN=Contoso");
	assert_string_equal(q.caution, "take care");
	assert_string_equal(q.program, "/usr/bin/a");
	assert_true(q.may_widen && q.folder_has_git);
	assert_int_equal(q.waiting, 2);
	question_done(&q);
}

static void a_question_about_a_host_arrives(void **state)
{
	const struct consent_host_request lookup = {.host = "example.org", .protocol = "dns"};
	struct prompt_question from = file;
	struct question q;

	(void)state;
	from.host = &host;
	from.signer = from.caution = NULL;
	pass_on(&from, &q);
	assert_true(q.network);
	assert_string_equal(q.host.host, "example.org");
	assert_string_equal(q.host.address, "1.1.1.1");
	assert_int_equal(q.host.port, 443);
	assert_null(q.signer);
	assert_null(q.caution);
	question_done(&q);
	from.host = &lookup;
	pass_on(&from, &q);
	assert_null(q.host.address);
	assert_int_equal(q.host.port, 0);
	question_done(&q);
}

static void how_many_wait_is_no_question(void **state)
{
	static const char line[] = "{\"v\":1,\"id\":7,\"waiting\":3}";
	struct question q;
	int64_t id;

	(void)state;
	assert_int_equal(question_read(line, strlen(line), &q, &id), 0);
	assert_int_equal(id, 7);
	assert_int_equal(q.waiting, 3);
}

static void nothing_else_is_a_question(void **state)
{
	static const char *const lines[] = {
		"", "null", "[]", "{}", "{\"v\":1}", "{\"v\":2,\"id\":7,\"waiting\":3}", "{\"v\":1,\"id\":0,\"waiting\":3}",
		"{\"v\":1,\"id\":7,\"waiting\":-1}", "{\"v\":1,\"id\":7,\"waiting\":\"3\"}",
		"{\"v\":1,\"id\":7,\"id\":8,\"waiting\":1}"};
	char line[4096], broken[4096];
	struct question q;
	int64_t id;
	int n = prompt_json_write(&file, line, sizeof(line));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(question_read(lines[i], strlen(lines[i]), &q, &id), -EBADMSG);
	/* Cut anywhere; and each member once under another name, which most are needed for. */
	for (int i = 0; i < n - 2; i++)
		assert_int_equal(question_read(line, (size_t)i, &q, &id), -EBADMSG);
	for (char *at = strstr(line, "\",\""); at; at = strstr(at + 1, "\",\"")) {
		memcpy(broken, line, (size_t)n + 1);
		broken[at - line + 3] = '-';
		if (question_read(broken, (size_t)n - 1, &q, &id) == 0)
			question_done(&q);
	}
}

static void answers_are_what_the_broker_reads(void **state)
{
	const struct answer answers[] = {
		{.allow = true, .scope = CONSENT_ALWAYS, .access = CONSENT_WRITE},
		{.allow = true, .scope = CONSENT_SESSION, .wide = true, .access = CONSENT_WRITE},
		{.scope = CONSENT_ONCE, .access = CONSENT_WRITE},
		{.scope = CONSENT_ONCE, .access = CONSENT_WRITE, .all = true}};
	struct prompt_answer got;
	struct question q;
	char line[256];

	(void)state;
	pass_on(&file, &q);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		int n = question_answer(&q, &answers[i], line, sizeof(line));

		assert_true(n > 0);
		assert_int_equal(prompt_json_read(line, (size_t)n - 1, &file, &got), 0);
		assert_int_equal(got.verdict, answers[i].allow ? CONSENT_ALLOW : CONSENT_DENY);
		assert_int_equal(got.scope, answers[i].scope);
		assert_int_equal(got.target, answers[i].wide ? CONSENT_FOLDER : CONSENT_FILE);
		assert_int_equal(got.access, answers[i].access);
		assert_int_equal(got.deny_all, answers[i].all);
	}
	question_done(&q);
}

static void yes_to_all_is_no_answer(void **state)
{
	static const char *const lines[] = {"{\"v\":1,\"id\":7,\"decision\":\"allow\",\"all\":true}",
					    "{\"v\":1,\"id\":7,\"decision\":\"deny\",\"all\":1}"};
	struct prompt_answer got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(prompt_json_read(lines[i], strlen(lines[i]), &file, &got), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_question_about_a_file_arrives_byte_by_byte),
		cmocka_unit_test(a_question_about_a_host_arrives),
		cmocka_unit_test(how_many_wait_is_no_question),
		cmocka_unit_test(nothing_else_is_a_question),
		cmocka_unit_test(answers_are_what_the_broker_reads),
		cmocka_unit_test(yes_to_all_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
