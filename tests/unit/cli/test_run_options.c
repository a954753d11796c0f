/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/run_options.h"
#include <string.h>

static struct run_options o;
static struct appsilo_error err;

static int parse(bool lenient, const char *const *words)
{
	return run_options_parse((char *const *)words, lenient, &o, &err);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void good_words(void **state)
{
	(void)state;
	assert_int_equal(parse(false, WORDS("--prompt", "never", "--allow-read=/a", "--deny", "b",
					    "--memory", "10M", "--time=1.5s", "--quiet", "--", "-c", "x")),
			 0);
	assert_string_equal(o.prompt, "never");
	assert_int_equal(o.n_rules, 2);
	assert_int_equal(o.rules[1].kind, RUN_DENY);
	assert_int_equal(o.memory_bytes, 10 << 20);
	assert_int_equal(o.cpu_time_ms, 1500);
	assert_string_equal(o.command[0], "-c"); /* after --, a dash is data (CVE-2024-32462) */
	assert_int_equal(parse(false, WORDS("cmd", "--prompt", "tty")), 0);
	assert_string_equal(o.command[1], "--prompt");
	assert_null(o.prompt);
	assert_int_equal(parse(true, WORDS("--prompt", "tty", "-c", "print()")), 0);
	assert_string_equal(o.command[0], "-c");
}

static void network_words(void **state)
{
	(void)state;
	assert_int_equal(parse(false, WORDS("--net", "client-server,private", "--allow-host", "*.a.example:1",
					    "--deny-host=B.example", "--publish", "80:8080", "--proxy",
					    "http://p.example:3128", "x")), 0);
	assert_int_equal(o.net_capabilities, 7);
	assert_int_equal(o.n_hosts, 2);
	assert_false(o.hosts[0].deny);
	assert_true(o.hosts[1].deny);
	assert_string_equal(o.hosts[1].host, "B.example");
	assert_int_equal(o.n_publish, 1);
	assert_string_equal(o.proxy, "http://p.example:3128");
	/* the last word counts: a person's comes after a package's */
	assert_int_equal(parse(false, WORDS("--net", "client,private", "--net", "none", "x")), 0);
	assert_int_equal(o.net_capabilities, 0);
	assert_string_equal(o.net, "none");
	assert_int_equal(parse(false, WORDS("--deny-host", "127.0.0.1", "x")), 0);
	assert_int_equal(parse(false, WORDS("--allow-host", "127.0.0.1", "x")), -EINVAL);
	assert_non_null(strstr(err.line, "loopback add"));
	assert_int_equal(parse(false, WORDS("--proxy", "http://u:secret@b@c", "x")), -EINVAL);
	assert_null(strstr(err.line, "secret"));
}

static void bad_words_are_named(void **state)
{
	const char *const *const bad[] = {
		WORDS("--promt", "tty", "x"), WORDS("--prompt"), WORDS("--prompt", "maybe", "x"),
		WORDS("--prompt=", "x"),      WORDS("--quiet=1", "x"), WORDS("--memory", "10Q", "x"),
		WORDS("--memory", "-1", "x"), WORDS("--memory", "99999999999T", "x"),
		WORDS("--time", "1w", "x"),   WORDS("--time", "0", "x"), WORDS("--net", "all", "x"),
		WORDS("--env", "NAME", "x"),  WORDS("--env", "=v", "x"), WORDS("--pass-env", "A=B", "x"),
		WORDS("--metadata", "x", "y"), WORDS("--quiet"), WORDS("--prompt", "exec:", "x"),
		WORDS("--net", "", "x"), WORDS("--net", "client,", "x"), WORDS("--net", "none,client", "x"),
		WORDS("--allow-host", "0x7f.1", "x"), WORDS("--allow-host", "a\nb", "x"),
		WORDS("--deny-host", "a%b", "x"), WORDS("--publish", "80", "x"), WORDS("--proxy", "a:1", "x"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(parse(false, bad[i]), -EINVAL);
		assert_true(strncmp(err.line, "run: ", 5) == 0);
		assert_null(strchr(err.line, '\n'));
	}
	assert_int_equal(parse(false, WORDS("--promt", "x")), -EINVAL);
	assert_non_null(strstr(err.line, "--prompt"));
	assert_int_equal(parse(false, WORDS("--a\033[2J", "x")), -EINVAL);
	assert_null(strchr(err.line, '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_words),
		cmocka_unit_test(network_words),
		cmocka_unit_test(bad_words_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
