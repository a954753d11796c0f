/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/request.h"
#include "server/work_dir.h"
#include <string.h>

static struct run_request r;
static struct api_error e;

static bool has_package(void *data, const char *family)
{
	(void)data;
	return strcmp(family, "A.B_8wekyb3d8bbwe") == 0;
}

static struct runtime_versions versions = {.version = {"3.11.2", "5.2.15"}};
static struct request_policy policy = {
	.limits = {.wall_ms = 1000, .cpu_ms = 1000, .memory_bytes = 1 << 20, .pids = 10, .disk_bytes = 1 << 20,
		   .file_bytes = 1 << 20, .output_bytes = 1 << 20},
	.versions = &versions,
	.has_package = has_package,
};

static int decode(const char *text)
{
	request_done(&r);
	e = (struct api_error){0};
	return request_decode(text, strlen(text), &policy, &r, &e);
}

static void refused(const char *text, int status, const char *code)
{
	if (decode(text) == 0 || e.status != status || strcmp(e.code, code) != 0)
		fail_msg("%s: %d %s %s", text, e.status, e.code ? e.code : "", e.message);
	request_done(&r);
}

static void a_run_with_everything(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"code\":\"a\\u0000b\",\"argv\":[\"-x\",\"\"],\"stdin\":\"aGk=\",\"stdin_base64\":true,"
				"\"env\":{\"A_1\":\"=\"},\"limits\":{\"wall_ms\":10},\"network\":\"none\",\"stream\":true,"
				"\"package\":\"A.B_8wekyb3d8bbwe\",\"return\":[\"files\"]}"), 0);
	assert_int_equal(r.files[0].size, 3);
	assert_string_equal(r.entry, "main.py");
	assert_int_equal(r.n_argv, 2);
	assert_memory_equal(r.stdin_data, "hi", r.stdin_size);
	assert_string_equal(r.env[0], "A_1==");
	assert_int_equal(r.limits.wall_ms, 10);
	assert_int_equal(r.limits.cpu_ms, 1000);
	assert_true(r.stream && r.return_files && !r.return_pictures && !r.of_files);
	request_done(&r);
}

static void languages_by_name_and_alias(void **state)
{
	(void)state;
	assert_int_equal(decode("{\"code\":\"1\",\"language\":\"sh\"}"), 0);
	assert_string_equal(r.runtime->language, "bash");
	refused("{\"code\":\"1\",\"language\":\"c\"}", 422, "unknown-language"); /* not there */
	assert_int_equal(decode("{\"code\":\"1\",\"language\":\"c\",\"package\":\"A.B_8wekyb3d8bbwe\"}"), 0);
	request_done(&r);
}

static void wrong_requests_are_told_apart(void **state)
{
	(void)state;
	refused("{\"code\":\"1\",\"code\":\"2\"}", 400, "bad-json");
	refused("{\"code\":\"1\",\"xyz\":1}", 400, "unknown-field");
	refused("{\"code\":\"1\",\"limits\":{\"pids\":11}}", 422, "limit-too-high");
	refused("{\"code\":\"1\",\"network\":\"client\"}", 422, "network-not-allowed");
	refused("{\"code\":\"1\",\"package\":\"C.D_8wekyb3d8bbwe\"}", 422, "unknown-package");
	refused("{\"files\":[{\"name\":\"../x\",\"content\":\"\"}],\"entry\":\"../x\"}", 400, "bad-file-name");
	refused("{\"code\":\"1\",\"argv\":[\"a\\u0000b\"]}", 400, "bad-request");
}

static void only_names_of_hosts_where_a_network_is_allowed(void **state)
{
	(void)state;
	policy.net_capabilities = 1;
	assert_int_equal(decode("{\"code\":\"1\",\"network\":{\"hosts\":[\"example.org:443\",\"*.example.net\"]}}"), 0);
	assert_int_equal(r.n_hosts, 2);
	refused("{\"code\":\"1\",\"network\":{\"hosts\":[\"10.0.0.1\"]}}", 422, "network-not-allowed");
	refused("{\"code\":\"1\",\"network\":{\"hosts\":[\"8.8.8.8\"]}}", 422, "network-not-allowed");
	refused("{\"code\":\"1\",\"network\":{\"hosts\":[\"0.0.0.0/0\"]}}", 422, "network-not-allowed");
	refused("{\"code\":\"1\",\"network\":{\"hosts\":[\"localhost:80\"]}}", 400, "bad-request");
	refused("{\"code\":\"1\",\"network\":{\"hosts\":[\"169.254.169.254\"]}}", 400, "bad-request");
	policy.net_capabilities = 0;
}

static void a_session_lends_its_settings(void **state)
{
	static const char text[] = "{\"code\":\"1\",\"limits\":{\"wall_ms\":7}}";
	struct run_request inner, defaults = {.runtime = &runtimes[0], .net = "none"};

	(void)state;
	defaults.limits = policy.limits;
	assert_int_equal(request_decode_in(text, strlen(text), &defaults, &inner, &e), 0);
	assert_int_equal(inner.limits.wall_ms, 7);
	request_done(&inner);
	assert_int_equal(request_decode_in("{\"code\":\"1\",\"env\":{}}", 21, &defaults, &inner, &e), -EINVAL);
	assert_string_equal(e.code, "unknown-field");
	request_done(&inner);
}

static void names_of_files(void **state)
{
	static const char *const good[] = {"a", "a/b", ".x", "..x", "a b", "\xc3\xa9", "-x"};
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "./a", "a\nb", "\x7f"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(work_dir_is_name(good[i], strlen(good[i])));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(work_dir_is_name(bad[i], strlen(bad[i])));
	assert_false(work_dir_is_name("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_with_everything),
		cmocka_unit_test(languages_by_name_and_alias),
		cmocka_unit_test(wrong_requests_are_told_apart),
		cmocka_unit_test(only_names_of_hosts_where_a_network_is_allowed),
		cmocka_unit_test(a_session_lends_its_settings),
		cmocka_unit_test(names_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
