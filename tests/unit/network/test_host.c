/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/host.h"
#include <string.h>

static void becomes(const char *text, const char *want)
{
	struct host_pattern p;
	struct appsilo_error err = {0};
	char shown[HOST_TEXT_MAX];

	if (host_pattern_parse(text, strlen(text), &p, &err) < 0)
		fail_msg("%s", err.line);
	assert_string_equal(host_pattern_text(&p, shown), want);
	/* What was written is read as the same. */
	assert_int_equal(host_pattern_parse(want, strlen(want), &p, &err), 0);
	assert_string_equal(host_pattern_text(&p, shown), want);
}

static void refused_bytes(const char *text, size_t length, const char *why)
{
	struct host_pattern p;
	struct appsilo_error err = {0};

	if (host_pattern_parse(text, length, &p, &err) != -EINVAL)
		fail_msg("%s was taken", text);
	if (!strstr(err.line, why))
		fail_msg("%s: not about \"%s\": %s", text, why, err.line);
	for (const char *c = err.line; *c; c++)
		assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
}

static void refused(const char *text, const char *why)
{
	refused_bytes(text, strlen(text), why);
}

static void hosts_have_one_spelling(void **state)
{
	(void)state;
	becomes("Example.ORG", "example.org");
	becomes("example.org.", "example.org");
	becomes("example.org.:443", "example.org:443");
	becomes("host1.", "host1");
	becomes("*.Example.org", "*.example.org");
	becomes("*.org:80", "*.org:80");
	becomes("intranet", "intranet");
	becomes("xn--bcher-kva.example", "xn--bcher-kva.example");
	becomes("_dmarc.example.org", "_dmarc.example.org");
	becomes("127.0.0.1:80", "127.0.0.1:80");
	becomes("10.0.0.0/8", "10.0.0.0/8");
	becomes("10.0.0.0/8:443", "10.0.0.0/8:443");
	becomes("0.0.0.0/0", "0.0.0.0/0");
	becomes("10.1.2.3/32", "10.1.2.3");
	becomes("::1", "::1");
	becomes("[::1]", "::1");
	becomes("[::1]:80", "[::1]:80");
	becomes("[2606:4700:0:0::1]:443", "[2606:4700::1]:443");
	becomes("fd00::/8", "fd00::/8");
	becomes("[fd00::/8]:22", "[fd00::/8]:22");
	becomes("::ffff:10.1.2.3", "10.1.2.3");
	becomes("[::ffff:a01:203]:80", "10.1.2.3:80");
	becomes("64:ff9b::10.1.2.3", "10.1.2.3");
	becomes("2002:a01:203::", "10.1.2.3");
	becomes("::/0", "::/0");
}

static void other_spellings_of_addresses_are_refused(void **state)
{
	static const char *const all[] = {
		"2130706433", "0x7f.1", "0x7f000001", "0x7f.0.0.1", "127.1", "127.0.1", "0177.0.0.1",
		"127.0.0.01", "1.2.3.4.", "1.2.3.4.5", "256.1.1.1", "1.2.3.", "a.1", "example.0x10",
		"*.1.2.3.4", "0x7f.1.", "1", "0x", "..", "2130706433:80"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		refused(all[i], "");
	refused("0177.0.0.1", "without leading zeros");
	refused("2130706433", "four decimal numbers");
	refused("0x7f.1", "four decimal numbers");
}

/* What one part reads to its end and another to the NUL (sandbox-runtime, 2026). */
static void bytes_that_hide_something_are_refused(void **state)
{
	static const char nul[] = "evil.example\0.allowed.example";

	(void)state;
	refused_bytes(nul, sizeof(nul) - 1, "blank or control");
	refused("a\rb.example", "blank or control");
	refused("a\nb.example", "blank or control");
	refused("a\tb", "blank or control");
	refused(" example.org", "blank or control");
	refused("example.org ", "blank or control");
	refused("a\x7f.example", "blank or control");
	refused("fe80::1%eth0", "zone");
	refused("[fe80::1%25eth0]:80", "zone");
	refused("ex%61mple.org", "%-escape");
	refused("b\xc3\xbc" "cher.example", "punycode");
	refused("ex\xd0\xb0mple.org", "ex\\xd0\\xb0mple.org: write it as punycode"); /* Cyrillic */
	refused("example\xe3\x80\x82org", "punycode");
	refused("user@example.org", "letters, digits");
	refused("http://example.org", "port");
	refused("example.org/path", "address");
	refused("example.org#x", "letters, digits");
}

static void malformed_hosts_are_refused(void **state)
{
	char label[80] = "", name[300] = "", huge[1000];

	(void)state;
	memset(label, 'a', 64);
	for (int i = 0; i < 64; i++)
		strcat(name, "abc.");
	memset(huge, 'a', sizeof(huge));
	refused("", "empty");
	refused(":80", "empty");
	refused(".", "");
	refused("a..b", "empty part");
	refused(".a", "empty part");
	refused("a..", "empty part");
	refused("-a.example", "begins or ends");
	refused("a-.example", "begins or ends");
	refused("*", "--net client");
	refused("*.", "empty part");
	refused("*a.example", "stands only at the front");
	refused("a.*.example", "stands only at the front");
	refused("*.*.example", "letters, digits");
	refused("a:", "port");
	refused("a:0", "port");
	refused("a:65536", "port");
	refused("a:080", "port");
	refused("a:+80", "port");
	refused("a:99999999999999999999", "port");
	refused("a:80:80", "IPv6");
	refused("[::1", "stand around");
	refused("[::1]80", "stand around");
	refused("[::1]:", "port");
	refused("[]", "empty");
	refused("[a.example]:80", "IPv6");
	refused(":::", "IPv6");
	refused("10.0.0.0/33", "/");
	refused("10.0.0.0/", "/");
	refused("10.0.0.0/08", "/");
	refused("10.1.2.3/8", "bits are set");
	refused("fd00::1/8", "bits are set");
	refused("fd00::/129", "/");
	refused("::ffff:0:0/96", "IPv4");
	refused("64:ff9b::/96", "IPv4");
	refused(label, "63 characters");
	refused(name, "253 characters");
	refused_bytes(huge, sizeof(huge), "too long");
}

static void loopback_and_metadata_cannot_be_allowed(void **state)
{
	static const char *const all[] = {"127.0.0.1", "127.9.9.9:80", "[::1]:80", "0.0.0.0", "localhost",
					  "LOCALHOST.:80", "a.localhost", "169.254.169.254",
					  "fd00:ec2::254", "[::ffff:127.0.0.1]:1", "224.0.0.1"};
	struct host_pattern p;
	struct appsilo_error err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		assert_int_equal(host_pattern_parse(all[i], strlen(all[i]), &p, &err), 0);
		assert_int_equal(host_pattern_parse_allow(all[i], strlen(all[i]), &p, &err), -EINVAL);
	}
	assert_int_equal(host_pattern_parse_allow("127.0.0.1", 9, &p, &err), -EINVAL);
	assert_non_null(strstr(err.line, "loopback add"));
	assert_int_equal(host_pattern_parse_allow("10.0.0.1", 8, &p, &err), 0);
	assert_int_equal(host_pattern_parse_allow("", 0, &p, &err), -EINVAL);
}

static void names_match_whole_labels(void **state)
{
	struct host_pattern suffix, name;

	(void)state;
	assert_int_equal(host_pattern_parse("*.example.org", 13, &suffix, NULL), 0);
	assert_int_equal(host_pattern_parse("example.org", 11, &name, NULL), 0);
	assert_true(host_pattern_matches(&suffix, "a.example.org", NULL));
	assert_true(host_pattern_matches(&suffix, "a.b.example.org", NULL));
	assert_false(host_pattern_matches(&suffix, "example.org", NULL));
	assert_false(host_pattern_matches(&suffix, "evilexample.org", NULL));
	assert_false(host_pattern_matches(&suffix, ".example.org", NULL));
	assert_false(host_pattern_matches(&suffix, "example.org.evil", NULL));
	assert_false(host_pattern_matches(&suffix, NULL, NULL));
	assert_true(host_pattern_matches(&name, "example.org", NULL));
	assert_false(host_pattern_matches(&name, "a.example.org", NULL));
}

static void a_name_is_no_pattern(void **state)
{
	static const char *const bad[] = {"*.a", "a:80", "1.2.3.4", "::1", "[::1]", "a b", "", "a/8"};
	char name[HOST_NAME_MAX_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(host_name_parse(bad[i], strlen(bad[i]), name, NULL), -EINVAL);
	assert_int_equal(host_name_parse("WWW.Example.org.", 16, name, NULL), 0);
	assert_string_equal(name, "www.example.org");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_have_one_spelling),
		cmocka_unit_test(other_spellings_of_addresses_are_refused),
		cmocka_unit_test(bytes_that_hide_something_are_refused),
		cmocka_unit_test(malformed_hosts_are_refused),
		cmocka_unit_test(loopback_and_metadata_cannot_be_allowed),
		cmocka_unit_test(names_match_whole_labels),
		cmocka_unit_test(a_name_is_no_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
